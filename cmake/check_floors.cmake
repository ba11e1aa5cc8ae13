# cmake -DNN_INCLUDE=<dir> -P check_floors.cmake: every header of nn stands on its floor (<dir>/nn holds the headers).
#
# A header includes what lies on lower floors or in its own folder, without cycles, and a library outside the standard one only where
# the table says so. Without an executor nothing locks, nothing ever asks the clock, the locale or the environment, and compiler extensions
# have one place.
cmake_minimum_required(VERSION 3.22)

set(floors # the first pattern that fits a header names its floor
    "nn/version.hpp 0" "nn/core/ 1" "nn/kernels/ 2" "nn/ops/ 3" "nn/tensor.hpp 4" "nn/layers/ 5" "nn/compose/ 6" "nn/io/ 7" "nn/[^/]*.hpp 7")
set(doors # a library and the only files that include it
    "(eigen3/)?Eigen/ nn/kernels/gemm.hpp" "unsupported/ -" "xtensor/ nn/tensor.hpp" "xtl/ -" "xsimd/ -" "nlohmann/ nn/io/safetensors"
    "(iostream|regex|ranges)$ -") # these three: for the sake of compile time
set(words # what code must not name, and the only files that do
    "std::[a-z_]*(mutex|_lock|lock_|latch|barrier|semaphore|atomic|thread|async|future|condition_variable|call_once|once_flag) nn/threads.hpp"
    "thread_local -" "pthread_ -"
    "(std::chrono|std::clock|std::time[^a-z_]|clock_gettime|gettimeofday|rdtsc|random_device) -"
    "([^a-z_]locale|setlocale|localeconv|stringstream|printf|scanf|strto[a-z]|std::sto[a-z]+) -"
    "getenv -"
    "(__attribute__|__builtin_|__extension__|_Pragma|gnu::|[a-z]+intrin.h) nn/(kernels/simd|core/denormals).hpp") # GCC's and clang's
set(most_lines 400)

cmake_path(ABSOLUTE_PATH NN_INCLUDE)
set(faults "")
macro(fault text)
    string(APPEND faults "  ${text}\n")
endmacro()

function(floor_of header result)
    foreach(row IN LISTS floors)
        string(REPLACE " " ";" row ${row})
        list(GET row 0 pattern)
        if(header MATCHES "^${pattern}")
            list(GET row 1 floor)
            set(${result} ${floor} PARENT_SCOPE)
            return()
        endif()
    endforeach()
    set(${result} none PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers RELATIVE ${NN_INCLUDE} ${NN_INCLUDE}/nn/*.hpp)
if(NOT headers)
    fault("no headers in ${NN_INCLUDE}/nn")
endif()
foreach(header IN LISTS headers)
    floor_of(${header} floor)
    if(floor STREQUAL none)
        fault("${header}: lies on no floor")
        continue()
    endif()
    cmake_path(GET header PARENT_PATH folder)

    file(READ ${NN_INCLUDE}/${header} text)
    string(REGEX REPLACE "[^\n]+" "" line_ends "${text}")
    string(LENGTH "${line_ends}" lines)
    if(lines GREATER most_lines)
        fault("${header}: ${lines} lines, more than ${most_lines}")
    endif()

    string(REGEX REPLACE "//[^\n]*" "" code "${text}")
    foreach(row IN LISTS words)
        string(REPLACE " " ";" row ${row})
        list(GET row 0 word)
        list(GET row 1 door)
        if(NOT header MATCHES "^${door}" AND code MATCHES "${word}")
            fault("${header}: ${CMAKE_MATCH_0} does not belong here")
        endif()
    endforeach()

    set(includes_${header} "")
    file(STRINGS ${NN_INCLUDE}/${header} directives REGEX "^[ \t]*#[ \t]*include")
    foreach(directive IN LISTS directives)
        if(NOT directive MATCHES "include[ \t]*<([^>]+)>")
            fault("${header}: write <nn/…>, not ${directive}")
            continue()
        endif()
        set(target ${CMAKE_MATCH_1})

        if(target MATCHES "^nn/")
            list(APPEND includes_${header} ${target})
            floor_of(${target} target_floor)
            cmake_path(GET target PARENT_PATH target_folder)
            if(NOT EXISTS ${NN_INCLUDE}/${target})
                fault("${header}: <${target}> does not exist")
            elseif(target_floor GREATER floor OR (target_floor EQUAL floor AND NOT target_folder STREQUAL folder))
                fault("${header}: <${target}> is not on a lower floor")
            endif()
            continue()
        endif()

        if(floor LESS 2 AND NOT target MATCHES "^[a-z0-9_]+$")
            fault("${header}: <${target}> is not of the standard library, which is all that core/ stands on")
        endif()
        foreach(row IN LISTS doors)
            string(REPLACE " " ";" row ${row})
            list(GET row 0 library)
            list(GET row 1 door)
            if(target MATCHES "^${library}" AND NOT header MATCHES "^${door}")
                fault("${header}: <${target}> does not belong here")
            endif()
        endforeach()
    endforeach()
endforeach()

# Take away the headers whose includes are all taken away; what cannot be taken away goes in circles.
set(left ${headers})
set(taken "")
set(progress TRUE)
while(progress)
    set(progress FALSE)
    foreach(header IN LISTS left)
        set(waiting_for ${includes_${header}})
        list(REMOVE_ITEM waiting_for ${taken} "")
        if(NOT waiting_for)
            list(APPEND taken ${header})
            list(REMOVE_ITEM left ${header})
            set(progress TRUE)
        endif()
    endforeach()
endwhile()
if(left AND NOT faults MATCHES "does not exist")
    fault("these include each other in a circle, or one that does: ${left}")
endif()

if(faults)
    message(FATAL_ERROR "headers off their floors:\n${faults}")
endif()
