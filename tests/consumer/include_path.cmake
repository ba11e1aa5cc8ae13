# cmake -DNN_COMPILE=<compiler and flags> -DNN_PROGRAM=<file to write> -P include_path.cmake: no CMake project, only an include path.
cmake_minimum_required(VERSION 3.22)
set(here ${CMAKE_CURRENT_LIST_DIR})
execute_process(COMMAND ${NN_COMPILE} ${here}/main.cpp ${here}/other.cpp -o ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
