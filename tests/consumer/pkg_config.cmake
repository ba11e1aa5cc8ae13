# cmake -DNN_COMPILE=<compiler and flags> -DNN_PREFIX=<where nn is installed> -DNN_VERSION=<version> -DNN_EIGEN=<least version>
# -DNN_XTENSOR=<least version> -DNN_PROGRAM=<file to write> -P pkg_config.cmake: no CMake project, but the flags that pkg-config tells.
cmake_minimum_required(VERSION 3.22)
set(ENV{PKG_CONFIG_PATH} ${NN_PREFIX}/share/pkgconfig)
foreach(question modversion print-requires cflags)
    execute_process(COMMAND pkg-config --${question} nn OUTPUT_VARIABLE ${question} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

if(NOT modversion STREQUAL "${NN_VERSION}\n" OR NOT print-requires STREQUAL "eigen3 >= ${NN_EIGEN}\nxtensor >= ${NN_XTENSOR}\n")
    message(SEND_ERROR "pkg-config says version ${modversion}, expected ${NN_VERSION}; requires\n${print-requires}")
endif()

separate_arguments(flags UNIX_COMMAND "${cflags}")
set(NN_COMPILE ${NN_COMPILE} ${flags})
include(${CMAKE_CURRENT_LIST_DIR}/by_hand.cmake)
