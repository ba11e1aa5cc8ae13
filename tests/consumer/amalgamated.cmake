# cmake -DNN_BUILD=<build folder of nn> -DNN_SOURCE=<source folder> -DNN_VERSION=<version> -DNN_COMPILE=<compiler and flags>
# -DNN_PROGRAM=<file to write> -P amalgamated.cmake: the target writes all of nn into one header, beside which programs need nothing of nn.
cmake_minimum_required(VERSION 3.22)
set(amalgamate ${NN_SOURCE}/cmake/amalgamate.cmake)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${NN_BUILD} --target amalgamate COMMAND_ERROR_IS_FATAL ANY)
file(READ ${NN_BUILD}/single_include/nn.hpp header)

file(STRINGS ${NN_SOURCE}/LICENSE owner REGEX "Copyright")
string(FIND "${header}" "// SPDX-License-Identifier: MIT\n// nn ${NN_VERSION}, " licence_at)
string(FIND "${header}" "\n// ${owner}\n" owner_at)
if(NOT licence_at EQUAL 0 OR owner_at EQUAL -1)
    message(SEND_ERROR "the header does not begin with its licence and version")
endif()
file(GLOB_RECURSE parts RELATIVE ${NN_SOURCE}/include ${NN_SOURCE}/include/nn/*.hpp)
foreach(part IN LISTS parts)
    string(REGEX MATCHALL "\n// ${part}\n" found "${header}")
    list(LENGTH found times)
    if(NOT times EQUAL 1)
        message(SEND_ERROR "${part} is there ${times} times")
    endif()
endforeach()

# A header that would be left out is an error.
set(scratch ${NN_PROGRAM}_scratch)
file(REMOVE_RECURSE ${scratch})
foreach(part nn/nn.hpp nn/threads.hpp nn/io/npy.hpp nn/io/safetensors.hpp nn/layers/forgotten.hpp)
    file(WRITE ${scratch}/include/${part} "")
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} -DNN_INCLUDE=${scratch}/include -DNN_VERSION=0 -DNN_OUTPUT=${scratch}/nn.hpp -P ${amalgamate}
                RESULT_VARIABLE status ERROR_VARIABLE said OUTPUT_QUIET)
if(status EQUAL 0 OR NOT said MATCHES "nn/layers/forgotten.hpp")
    message(SEND_ERROR "a header that nobody includes is left out without a word: ${said}")
endif()

# Where there is no nlohmann-json; and where there is, after the macros of <windows.h>.
string(REPLACE "nlohmann/json.hpp" "nlohmann/absent.hpp" without_json "${header}")
file(WRITE ${scratch}/nn.hpp "${without_json}")
set(compile ${NN_COMPILE} -DSINGLE_HEADER)
set(NN_COMPILE ${compile} -I ${scratch})
include(${CMAKE_CURRENT_LIST_DIR}/by_hand.cmake)
set(NN_COMPILE ${compile} -I ${NN_BUILD}/single_include)
set(NN_FILES min_max.cpp)
include(${CMAKE_CURRENT_LIST_DIR}/by_hand.cmake)
