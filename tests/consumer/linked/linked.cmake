# cmake -DNN_COMPILE=<compiler and flags> -DNN_NM=<nm> -DNN_INCLUDE=<include> -DNN_PROGRAM=<file to write> [-DNN_SECOND=<flags>]
# [-DNN_MINOR=<number>] -P linked.cmake: two files of one program, the second compiled with other flags or against another minor version of
# nn. Each keeps its own functions.
cmake_minimum_required(VERSION 3.22)
set(here ${CMAKE_CURRENT_LIST_DIR})
set(scratch ${NN_PROGRAM}_parts)
file(REMOVE_RECURSE ${scratch})
file(MAKE_DIRECTORY ${scratch})

set(second_include ${NN_INCLUDE})
if(NN_MINOR)
    file(COPY ${NN_INCLUDE}/nn DESTINATION ${scratch})
    set(second_include ${scratch})
    file(READ ${scratch}/nn/version.hpp version)
    string(REGEX REPLACE "(#define NN_VERSION_MINOR) [0-9]+" "\\1 ${NN_MINOR}" other "${version}")
    if(other STREQUAL version)
        message(FATAL_ERROR "nn/version.hpp does not say #define NN_VERSION_MINOR")
    endif()
    file(WRITE ${scratch}/nn/version.hpp "${other}")
endif()

# What nn defines in `file` and the linker may take from another file of the program instead, into `names`.
function(list_inline_functions file names)
    execute_process(COMMAND ${NN_NM} --defined-only ${file} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[VWuvw] [^\n]*2nn[^\n]*" found "${symbols}")
    if(NOT found)
        message(FATAL_ERROR "no functions of nn in ${file}")
    endif()
    list(TRANSFORM found REPLACE "^. " "")
    set(${names} "${found}" PARENT_SCOPE)
endfunction()

execute_process(COMMAND ${NN_COMPILE} -I ${NN_INCLUDE} -DNN_PART=first -c ${here}/part.cpp -o ${scratch}/first.o
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NN_COMPILE} -I ${second_include} ${NN_SECOND} -DNN_PART=second -c ${here}/part.cpp -o ${scratch}/second.o
                COMMAND_ERROR_IS_FATAL ANY)
list_inline_functions(${scratch}/first.o first)
list_inline_functions(${scratch}/second.o second)
set(only_first ${first})
list(REMOVE_ITEM only_first ${second})
list(REMOVE_ITEM first ${only_first} "")
if(first)
    list(JOIN first "\n" first)
    message(SEND_ERROR "the linker would keep one of two functions that are not the same:\n${first}")
endif()

# In either order: the linker takes the first of a name.
foreach(order "first;second" "second;first")
    list(TRANSFORM order PREPEND ${scratch}/)
    list(TRANSFORM order APPEND .o)
    execute_process(COMMAND ${NN_COMPILE} ${here}/main.cpp ${order} -o ${NN_PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${NN_PROGRAM} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(SEND_ERROR "linked as ${order}: status ${status}; 1 is the first file's fault, 2 the second's")
    endif()
endforeach()
