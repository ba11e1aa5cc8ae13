# cmake -DNN_CLANG=<clang++> -DNN_INCLUDE=<include> -P names.cmake: flags that change the code of an inline function change the name of
# the namespace that it is in.
cmake_minimum_required(VERSION 3.22)
set(seen "")
foreach(flags "-DNONE" "-msse3" "-mssse3" "-msse4.1" "-msse4.2" "-mavx" "-mavx -mfma" "-mavx2" "-mavx2 -mfma" "-mavx2 -mfma -mbmi" "-mlzcnt"
              "-mavx512f" "-march=x86-64-v4" "-march=x86-64-v4 -ffast-math" "-ffast-math" "-fno-exceptions" "-ffast-math -fno-exceptions"
              "-DNN_NO_DISPATCH" "-DNN_NO_SIMD")
    separate_arguments(arguments UNIX_COMMAND "${flags}")
    execute_process(COMMAND ${CMAKE_COMMAND} -E echo NN_ABI
                    COMMAND ${NN_CLANG} --target=x86_64-linux-gnu -std=c++20 -I ${NN_INCLUDE} -include nn/version.hpp ${arguments}
                            -E -P -x c++ -
                    OUTPUT_VARIABLE name COMMAND_ERROR_IS_FATAL ANY)
    string(STRIP "${name}" name)
    if(NOT name MATCHES "^v[0-9]+_[0-9]+_[0-9]+[a-z0-9_]*$")
        message(SEND_ERROR "${flags}: NN_ABI is \"${name}\", which is no name of a version")
    elseif(name IN_LIST seen)
        message(SEND_ERROR "${flags}: NN_ABI is ${name} under other flags too")
    endif()
    list(APPEND seen ${name})
endforeach()
