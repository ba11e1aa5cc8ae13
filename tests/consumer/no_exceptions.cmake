# cmake -DNN_COMPILE=<compiler and flags> -DNN_PROGRAM=<file to write> -P no_exceptions.cmake: every kind of error reaches nn::on_error.
cmake_minimum_required(VERSION 3.22)
# With warnings: what only the other branch uses is unused here.
set(NN_COMPILE ${NN_COMPILE} -fno-exceptions -fno-rtti -Wall -Wextra -Wconversion -Wshadow -Werror)
set(NN_FILES no_exceptions.cpp)
include(${CMAKE_CURRENT_LIST_DIR}/by_hand.cmake)

function(expect error said)
    execute_process(COMMAND ${NN_PROGRAM} ${error} RESULT_VARIABLE status OUTPUT_VARIABLE output)
    if(NOT status EQUAL 3 OR NOT output MATCHES "^${said}[^\n]*\n$")
        message(SEND_ERROR "${error}: expected status 3 and \"${said}…\", came ${status} and \"${output}\"")
    endif()
endfunction()

expect(shape "nn::Linear: x has 4 features, expected 3 = weight.shape\\[1\\]")
expect(options "nn::Linear: out_features -1, expected at least 0")
expect(file "nn::SafetensorsFile: absent.safetensors: cannot be opened")
expect(array "nn::load_npy: absent.npy: cannot be opened")
expect(workers "nn::ThreadPool: workers 0, expected at least 1")
