# cmake -DNN_COMPILE=<compiler and flags> [-DNN_FILES=<files of this folder>] -DNN_PROGRAM=<file to write> -P by_hand.cmake: no CMake
# project, only a compiler.
cmake_minimum_required(VERSION 3.22)
if(NOT NN_FILES)
    set(NN_FILES main.cpp other.cpp)
endif()
list(TRANSFORM NN_FILES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
execute_process(COMMAND ${NN_COMPILE} ${NN_FILES} -o ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
