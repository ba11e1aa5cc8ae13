# cmake -DNN_CLANG=<clang++> -DNN_INCLUDE=<include> -P names.cmake: flags that change the code of an inline function change the name of
# the namespace that it is in.
cmake_minimum_required(VERSION 3.22)
set(seen "")
foreach(machine
        "x86_64-linux-gnu;-DNONE;-msse3;-mssse3;-msse4.1;-msse4.2;-mavx;-mavx -mfma;-mavx2;-mavx2 -mfma"
        "x86_64-linux-gnu;-mavx2 -mfma -mbmi;-mavx2 -mfma -mbmi2;-mlzcnt;-mbmi;-mbmi2;-mbmi -mbmi2;-mmovbe;-mpopcnt;-msse4.2 -mno-popcnt"
        "x86_64-linux-gnu;-mf16c;-msse4a;-mfma4;-mxop;-mtbm;-mgfni"
        "x86_64-linux-gnu;-march=x86-64-v3;-march=znver3;-march=bdver4;-march=knl;-march=x86-64-v4;-march=cannonlake;-march=cascadelake"
        "x86_64-linux-gnu;-march=cooperlake;-march=icelake-server;-march=sapphirerapids;-march=alderlake;-mavx512f;-mavx512f -mavx512dq"
        "x86_64-linux-gnu;-march=x86-64-v4 -mavx512vbmi;-march=x86-64-v4 -mavx512vbmi2;-march=x86-64-v4 -mavx512vpopcntdq"
        "x86_64-linux-gnu;-ffast-math;-march=x86-64-v4 -ffast-math;-ffinite-math-only"
        "x86_64-linux-gnu;-fno-exceptions;-ffast-math -fno-exceptions;-DNN_NO_DISPATCH;-DNN_NO_SIMD"
        "i386-linux-gnu;-march=i386;-march=pentium3;-march=pentium4;-march=prescott"
        "aarch64-linux-gnu;-march=armv8-a;-march=armv8.1-a;-march=armv8.2-a+fp16;-march=armv8.2-a+dotprod;-march=armv8.4-a;-march=armv8.6-a"
        "aarch64-linux-gnu;-march=armv8-a+sve;-march=armv9-a"
        "arm-linux-gnueabihf;-march=armv6;-march=armv7-a -mfpu=vfpv3-d16;-march=armv7-a -mfpu=neon;-march=armv7-a -mfpu=neon-vfpv4"
        "arm-linux-gnueabihf;-march=armv8-a"
        "riscv64-linux-gnu;-march=rv64g;-march=rv64gc;-march=rv64gcv;-march=rv64gc_zba;-march=rv64gc_zbb;-march=rv64gc_zfh"
        "s390x-linux-gnu;-march=z10;-march=z13;-march=z13 -mno-vx;-march=z14;-march=z15"
        "powerpc64le-linux-gnu;-mcpu=pwr8;-mcpu=pwr9;-mcpu=pwr10;-mcpu=pwr8 -mno-vsx"
        "wasm32;-DNONE;-msimd128")
    list(POP_FRONT machine target)
    foreach(flags ${machine})
        separate_arguments(arguments UNIX_COMMAND "${flags}")
        execute_process(COMMAND ${CMAKE_COMMAND} -E echo NN_ABI
                        COMMAND ${NN_CLANG} --target=${target} -std=c++20 -I ${NN_INCLUDE} -include nn/version.hpp ${arguments}
                                -E -P -x c++ -
                        OUTPUT_VARIABLE name COMMAND_ERROR_IS_FATAL ANY)
        string(STRIP "${name}" name)
        if(NOT name MATCHES "^v[0-9]+_[0-9]+_[0-9]+[a-z0-9_]*$")
            message(SEND_ERROR "${target} ${flags}: NN_ABI is \"${name}\", which is no name of a version")
        elseif("${target} ${name}" IN_LIST seen)
            message(SEND_ERROR "${target} ${flags}: NN_ABI is ${name} under other flags too")
        endif()
        list(APPEND seen "${target} ${name}")
    endforeach()
endforeach()
