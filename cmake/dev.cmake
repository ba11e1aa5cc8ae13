# What nn's own tests, examples and benchmarks are compiled with; none of it reaches a user of nn::nn.
set(NN_SANITIZE "" CACHE STRING "Sanitizers for nn's own programs, such as address,undefined")

set(CMAKE_CXX_EXTENSIONS OFF)

add_library(nn_dev INTERFACE)
target_link_libraries(nn_dev INTERFACE nn::nn)
target_compile_options(nn_dev INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast)
if(NN_BUILD_TESTS OR NN_BUILD_BENCH) # who only runs an example may have a compiler that warns of more
    target_compile_options(nn_dev INTERFACE -Werror)
endif()
if(NN_SANITIZE)
    target_compile_options(nn_dev INTERFACE -fsanitize=${NN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    target_link_options(nn_dev INTERFACE -fsanitize=${NN_SANITIZE})
endif()
