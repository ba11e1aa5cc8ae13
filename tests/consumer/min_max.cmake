# cmake -DNN_COMPILE=<compiler and flags> -DNN_PROGRAM=<file to write> -P min_max.cmake: each header that says that it stands the macros of
# <windows.h> does so by itself, and in one file with all the others.
cmake_minimum_required(VERSION 3.22)
foreach(header nn.hpp threads.hpp io/npy.hpp io/safetensors.hpp io/convert.hpp)
    string(MAKE_C_IDENTIFIER ${header} name)
    set(file ${NN_PROGRAM}_${name}.cpp)
    file(WRITE ${file} "#define min(a, b) (((a) < (b)) ? (a) : (b))\n#define max(a, b) (((a) > (b)) ? (a) : (b))\n"
                       "#include <nn/${header}>\nstatic_assert(max(0, min(0, 1)) == 0);\n")
    execute_process(COMMAND ${NN_COMPILE} -fsyntax-only ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
set(NN_FILES min_max.cpp)
include(${CMAKE_CURRENT_LIST_DIR}/by_hand.cmake)
