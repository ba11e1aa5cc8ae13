# cmake -DNN_INCLUDE=<include> -DNN_VERSION=<its version> -DNN_OUTPUT=<file> -P amalgamate.cmake: all of nn in one header.
#
# It holds each header once, where it is included first: nn.hpp, threads.hpp, io/npy.hpp, and the rest of io/ for programs that have
# nlohmann-json, because whoever takes one file is to have all there is.
cmake_minimum_required(VERSION 3.22)
cmake_path(ABSOLUTE_PATH NN_INCLUDE)

# The text of a header with that of the headers it includes, into `result`; nothing if it was taken before.
function(take header result)
    get_property(taken GLOBAL PROPERTY nn_taken)
    if(header IN_LIST taken)
        set(${result} "" PARENT_SCOPE)
        return()
    endif()
    set_property(GLOBAL APPEND PROPERTY nn_taken ${header})

    file(READ ${NN_INCLUDE}/${header} rest)
    string(REPLACE "// SPDX-License-Identifier: MIT\n#pragma once\n" "" rest "${rest}")
    set(text "\n// ${header}\n")
    while(TRUE)
        string(FIND "${rest}" "\n#include <nn/" at)
        if(at EQUAL -1)
            break()
        endif()
        string(SUBSTRING "${rest}" 0 ${at} before)
        math(EXPR at "${at} + 1")
        string(SUBSTRING "${rest}" ${at} -1 rest)
        string(FIND "${rest}" "\n" length)
        string(SUBSTRING "${rest}" 0 ${length} line)
        string(SUBSTRING "${rest}" ${length} -1 rest)
        string(REGEX REPLACE "^#include <(.*)>.*$" "\\1" included "${line}")
        take(${included} inner)
        string(APPEND text "${before}\n${inner}")
    endwhile()
    set(${result} "${text}${rest}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers RELATIVE ${NN_INCLUDE} ${NN_INCLUDE}/nn/*.hpp)
set(io ${headers})
list(FILTER io INCLUDE REGEX "^nn/io/")
set(all "")
foreach(header nn/nn.hpp nn/threads.hpp nn/io/npy.hpp)
    take(${header} text)
    string(APPEND all "${text}")
endforeach()
string(APPEND all "\n#if __has_include(<nlohmann/json.hpp>)\n")
foreach(header nn/io/safetensors.hpp ${io})
    take(${header} text)
    string(APPEND all "${text}")
endforeach()
string(APPEND all "\n#endif\n")

get_property(taken GLOBAL PROPERTY nn_taken)
list(REMOVE_ITEM headers ${taken})
if(headers)
    message(FATAL_ERROR "no header of these includes them: nn.hpp, threads.hpp, io/: ${headers}")
endif()

string(REGEX REPLACE "\n\n\n+" "\n\n" all "${all}")
file(READ ${CMAKE_CURRENT_LIST_DIR}/../LICENSE license)
string(REGEX REPLACE "\n([^\n])" "\n// \\1" license "// ${license}")
string(REPLACE "\n\n" "\n//\n" license "${license}")
file(WRITE ${NN_OUTPUT} "// SPDX-License-Identifier: MIT
// nn ${NN_VERSION}, all of it in one header: made by its cmake/amalgamate.cmake, not written by hand. It needs Eigen and xtensor.
//
${license}
#pragma once
${all}")
