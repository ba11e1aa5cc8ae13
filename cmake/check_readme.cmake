# cmake -DNN_README=<file> -DNN_QUICKSTART=<source> -DNN_PROGRAM=<program> -P check_readme.cmake: the README tells the truth.
#
# Its first ```cpp block is the quickstart to the letter, and the ```text block after it is what that program prints.
cmake_minimum_required(VERSION 3.22)

# Takes the first block that opens with `fence` out of `text`, into `result`, and leaves in `text` what follows it.
macro(take_block text fence result)
    string(FIND "${${text}}" "\n${fence}\n" start)
    if(start EQUAL -1)
        message(FATAL_ERROR "${NN_README} has no ${fence} block")
    endif()
    string(LENGTH "\n${fence}\n" skip)
    math(EXPR start "${start} + ${skip}")
    string(SUBSTRING "${${text}}" ${start} -1 ${text})
    string(FIND "${${text}}" "```" length)
    string(SUBSTRING "${${text}}" 0 ${length} ${result})
    string(SUBSTRING "${${text}}" ${length} -1 ${text})
endmacro()

file(READ ${NN_README} readme)
take_block(readme "```cpp" program)
take_block(readme "```text" output)

file(READ ${NN_QUICKSTART} quickstart)
if(NOT program STREQUAL quickstart)
    message(FATAL_ERROR "the first program of ${NN_README} is not ${NN_QUICKSTART}, which reads:\n${quickstart}")
endif()
execute_process(COMMAND ${NN_PROGRAM} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL printed)
    message(FATAL_ERROR "${NN_README} shows an output that is not what the quickstart prints:\n${printed}")
endif()
