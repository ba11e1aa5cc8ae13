# cmake -DNN_FILE=<source> -DNN_COMPILE=<compiler and flags> -P check_reject.cmake: what must not compile does not, and says why.
#
# The file compiles as it is: that is the twin, which shows that nothing else is wrong. With -DNN_REJECT it does not, and at each line
# that ends in `// expects: <regular expression>` the compiler reports an error which that expression describes; a failed static
# assertion it reports in the header.
cmake_minimum_required(VERSION 3.22)
set(ENV{LC_ALL} C) # the compiler's own words

execute_process(COMMAND ${NN_COMPILE} ${NN_FILE} ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "the twin does not compile:\n${said}")
endif()

execute_process(COMMAND ${NN_COMPILE} -DNN_REJECT ${NN_FILE} ERROR_VARIABLE said RESULT_VARIABLE status)
cmake_path(GET NN_FILE FILENAME name)
file(READ ${NN_FILE} rest)
set(line 0)
set(expectations 0)
set(failures "")
while(rest MATCHES "\n")
    math(EXPR line "${line} + 1")
    string(FIND "${rest}" "\n" end)
    string(SUBSTRING "${rest}" 0 ${end} text)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${rest}" ${end} -1 rest)
    if(text MATCHES "// expects: (.*)$")
        set(expected "${CMAKE_MATCH_1}")
        math(EXPR expectations "${expectations} + 1")
        set(place "${name}:${line}:[0-9]+")
        if(expected MATCHES "^static assertion")
            set(place "[^\n]*")
        endif()
        if(NOT said MATCHES "${place}: error: [^\n]*(${expected})")
            string(APPEND failures "  ${name}:${line}: expected an error: ${expected}\n")
        endif()
    endif()
endwhile()
if(failures OR expectations EQUAL 0)
    string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${said}")
    list(JOIN errors "\n  " errors)
    message(FATAL_ERROR "of ${expectations} lines that must not compile:\n${failures}the compiler said:\n  ${errors}")
endif()
