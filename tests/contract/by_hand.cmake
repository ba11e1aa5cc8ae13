# cmake -DNN_COMPILER=<compiler> -DNN_FILE=<program> -DNN_INCLUDE=<folder> -DNN_PROGRAM=<file to write> -P by_hand.cmake: compiles a program
# of the contract as it says itself, with more warnings, and runs it.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND ${NN_COMPILER} -std=c++20 -O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wold-style-cast -Werror
                        -I ${NN_INCLUDE} ${NN_FILE} -o ${NN_PROGRAM} -pthread COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
