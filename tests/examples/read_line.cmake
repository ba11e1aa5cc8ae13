# cmake -DNN_PROGRAM=<read_line> -DNN_EXAMPLE=<its folder> -DNN_SCRATCH=<dir> -P read_line.cmake: what the program prints, and where.
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/program.cmake)
set(samples ${NN_EXAMPLE}/samples)
set(usage "usage: read_line [--verbose] [--weights FILE] IMAGE...")

# Each line of truth.txt is a name, a tab, a text.
file(READ ${samples}/truth.txt truth)
string(REGEX REPLACE "[^\n\t]+\t" "" lines "${truth}")
string(REGEX MATCHALL "[^\n\t]+\t" pictures "${truth}")
string(REPLACE "\t" "" pictures "${pictures}")
list(TRANSFORM pictures PREPEND ${samples}/)
list(GET pictures 0 picture)
string(REGEX REPLACE "\n.*" "\n" line "${lines}")

file(REMOVE_RECURSE ${NN_SCRATCH})
file(WRITE ${NN_SCRATCH}/blank.pgm "P2 3 2 255\n200 200 200 200 200 200\n")
file(WRITE ${NN_SCRATCH}/broken.pgm "P5 100 100 255\nabc")
file(WRITE ${NN_SCRATCH}/empty.png "")
set(blank ${NN_SCRATCH}/blank.pgm)
set(broken ${NN_SCRATCH}/broken.pgm)
set(empty ${NN_SCRATCH}/empty.png)

# Lines, in order, and nothing else.
expect(0 "${lines}" "" ${pictures})
expect(0 "${line}${line}" "" ${picture} ${picture})
expect(0 "${line}" "" --weights ${NN_EXAMPLE}/read_line.safetensors ${picture})

# A picture that cannot be read is a line on standard error; the others are read.
expect(1 "" "read_line: nowhere.png: No such file or directory\n" nowhere.png)
expect(1 "" "read_line: ${samples}: not a file\n" ${samples})
expect(1 "" "read_line: ${blank}: no text found\n" ${blank})
expect(1 "" "read_line: ${empty}: not a picture that can be read\n" ${empty})
expect(1 "${line}${line}" "read_line: ${broken}: a damaged picture\nread_line: nowhere: No such file or directory\n" #
       ${picture} ${broken} nowhere ${picture})

# Weights.
expect(1 "" "read_line: nn::SafetensorsFile: nowhere: cannot be opened: No such file or directory\n" --weights nowhere ${picture})
expect(1 "" "read_line: nn::SafetensorsFile: ${empty}: is 0 bytes long, expected a safetensors file, which has at least 8\n" #
       --weights ${empty} ${picture})
execute_process(COMMAND ${NN_PROGRAM} --weights ${samples}/logits.safetensors ${pictures} RESULT_VARIABLE status OUTPUT_VARIABLE out
                ERROR_VARIABLE err)
if(NOT status EQUAL 1 OR NOT out STREQUAL "" OR NOT err MATCHES "^read_line: [^\n]*does not fit and was not loaded: 38 missing[^\n]*\n$")
    message(SEND_ERROR "the weights of another network: ${status}\n${out}\n${err}")
endif()

# Arguments.
expect(1 "" "read_line: ${usage}\n")
expect(1 "" "read_line: ${usage}\n" --verbose)
expect(1 "" "read_line: --loud: no such option, or nothing after it; ${usage}\n" --loud ${picture})
expect(1 "" "read_line: -v: no such option, or nothing after it; ${usage}\n" ${picture} -v)
expect(1 "" "read_line: --weights: no such option, or nothing after it; ${usage}\n" ${picture} --weights)

expect_no_room("read_line: standard output cannot be written\n" ${pictures})

# --verbose leaves standard output as it is. Standard error holds, per picture, its name and size, twelve layers, and its characters.
execute_process(COMMAND ${NN_PROGRAM} --verbose ${pictures} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(NOT status EQUAL 0 OR NOT out STREQUAL lines)
    message(SEND_ERROR "--verbose: ${status}\n${out}")
endif()
string(REPEAT " +[0-9]+ [^\n]* [0-9]+\\.[0-9][0-9][0-9] ms\n" 12 layers)
string(REGEX REPLACE "[^\n]*: [0-9]+ x 32\n${layers}" "\n" said "${err}")
string(REGEX REPLACE "  '([ -~])' (0\\.[0-9][0-9][0-9]|1\\.000)\n" "\\1" said "${said}")
if(NOT "${said}\n" STREQUAL "\n${lines}")
    message(SEND_ERROR "--verbose says\n${err}")
endif()
