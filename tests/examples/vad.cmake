# cmake -DNN_PROGRAM=<vad> -DNN_EXAMPLE=<its folder> -DNN_DATA=<weights and recording> -DNN_SCRATCH=<dir> -P vad.cmake: what the
# program prints, and where. NN_DATA may be absent.
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/program.cmake)
set(usage "usage: vad WEIGHTS.safetensors AUDIO.wav [--probabilities]\n")

file(REMOVE_RECURSE ${NN_SCRATCH})
file(WRITE ${NN_SCRATCH}/text "This is no recording, and these are no weights.")
set(text ${NN_SCRATCH}/text)

# write_wav(<name> <channels> <rate>): two samples; the numbers are little-endian, for printf.
function(write_wav name channels rate)
    string(CONCAT format "RIFF\\050\\0\\0\\0WAVE" #
           "fmt \\020\\0\\0\\0\\001\\0${channels}\\0${rate}\\0\\0\\0\\0\\0\\0\\002\\0\\020\\0" #
           "data\\004\\0\\0\\0\\0\\0\\0\\0")
    execute_process(COMMAND printf ${format} OUTPUT_FILE ${NN_SCRATCH}/${name}.wav COMMAND_ERROR_IS_FATAL ANY)
endfunction()
write_wav(good "\\001" "\\200\\076") # 16000
write_wav(stereo "\\002" "\\200\\076")
write_wav(slow "\\001" "\\100\\037") # 8000
set(good ${NN_SCRATCH}/good.wav)
set(stereo ${NN_SCRATCH}/stereo.wav)
set(slow ${NN_SCRATCH}/slow.wav)

# Arguments.
expect(1 "" "${usage}")
expect(1 "" "${usage}" weights)
expect(1 "" "${usage}" weights ${good} --loud)
expect(1 "" "${usage}" weights ${good} --probabilities ${good})

# The recording.
set(no_wav "expected a WAV file; libsndfile says:")
expect(1 "" "vad: nowhere.wav: ${no_wav} System error : No such file or directory.\n" weights nowhere.wav)
expect(1 "" "vad: ${text}: ${no_wav} Format not recognised.\n" weights ${text})
expect(1 "" "vad: ${slow}: 8000 samples a second, expected 16000\n" weights ${slow})
expect(1 "" "vad: ${stereo}: 2 channels, expected 1\n" weights ${stereo})

# The weights.
expect(1 "" "vad: nn::SafetensorsFile: nowhere: cannot be opened: No such file or directory\n" nowhere ${good})
expect(1 "" "vad: nn::SafetensorsFile: ${good}: the header is 172977703250 bytes long by the file's first 8, but only 40 follow\n" #
       ${good} ${good})

if(NOT EXISTS ${NN_DATA})
    message(STATUS "the rest is skipped: no ${NN_DATA}")
    return()
endif()
set(weights ${NN_DATA}/silero_vad_16k.safetensors)
set(recording ${NN_DATA}/test.wav)

# vad_expected.txt has a line `speech FIRST LAST` for each interval, in samples: whole milliseconds, all of them.
function(seconds samples result)
    math(EXPR milliseconds "1000 + ${samples} % 16000 / 16")
    string(SUBSTRING ${milliseconds} 1 3 milliseconds)
    math(EXPR whole "${samples} / 16000")
    set(${result} ${whole}.${milliseconds} PARENT_SCOPE)
endfunction()
set(intervals "")
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/vad_expected.txt rows REGEX "^speech ")
foreach(row IN LISTS rows)
    string(REPLACE " " ";" row ${row})
    list(GET row 1 first)
    list(GET row 2 last)
    seconds(${first} first)
    seconds(${last} last)
    string(APPEND intervals "${first} ${last}\n")
endforeach()
expect(0 "${intervals}" "" ${weights} ${recording})
expect(0 "" "" ${weights} ${good})
expect_no_room("vad: standard output cannot be written\n" ${weights} ${good} --probabilities)

execute_process(COMMAND ${NN_PROGRAM} ${weights} ${recording} --probabilities RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
string(REGEX MATCHALL "[0-9]+\\.[0-9][0-9][0-9] [01]\\.[0-9][0-9][0-9][0-9][0-9][0-9]\n" probabilities "${out}")
list(LENGTH probabilities count)
if(NOT status EQUAL 0 OR NOT err STREQUAL "" OR NOT count EQUAL 1875 OR NOT out MATCHES "^0\\.000 .*\n59\\.968 [^\n]*\n$")
    message(SEND_ERROR "--probabilities: ${status}, ${count} of 1875\n${err}")
endif()

# What the README shows is the beginning of that.
file(READ ${NN_EXAMPLE}/README.md readme)
if(NOT readme MATCHES "recording\\.wav\n(([0-9. ]+\n)+)```")
    message(SEND_ERROR "${NN_EXAMPLE}/README.md shows no intervals")
endif()
string(FIND "${intervals}" "${CMAKE_MATCH_1}" place)
if(NOT place EQUAL 0)
    message(SEND_ERROR "${NN_EXAMPLE}/README.md shows\n${CMAKE_MATCH_1}and not the first of\n${intervals}")
endif()
