# cmake -DNN_FILE=<source> -DNN_COMPILE=<compiler and flags> -P check_reject.cmake: what must not compile does not, and says why.
#
# The file compiles as it is: that is the twin, which shows that nothing else is wrong. With -DNN_REJECT=1 it does not, and the compiler
# says what the file's first `// expects: <regular expression>` asks for; with -DNN_REJECT=2 the second, and so on.
cmake_minimum_required(VERSION 3.22)
set(ENV{LC_ALL} C) # the compiler's own words

execute_process(COMMAND ${NN_COMPILE} ${NN_FILE} ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "the twin does not compile:\n${said}")
endif()

file(STRINGS ${NN_FILE} expectations REGEX "^ *// expects: ")
if(NOT expectations)
    message(FATAL_ERROR "${NN_FILE} holds no line `// expects: <regular expression>`")
endif()
set(number 0)
foreach(expectation IN LISTS expectations)
    math(EXPR number "${number} + 1")
    string(REGEX REPLACE "^ *// expects: " "" expectation "${expectation}")
    execute_process(COMMAND ${NN_COMPILE} -DNN_REJECT=${number} ${NN_FILE} ERROR_VARIABLE said RESULT_VARIABLE status)
    if(status EQUAL 0)
        message(SEND_ERROR "number ${number} compiles: \"${expectation}\" was expected")
    elseif(NOT said MATCHES "${expectation}")
        message(SEND_ERROR "number ${number}: \"${expectation}\" was expected, the compiler said:\n${said}")
    endif()
endforeach()
