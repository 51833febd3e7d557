# One set of flags for every target. Sanitizers, coverage and fuzzing are options that the presets set.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(TURNOUT_WERROR "Warnings are errors" OFF)
option(TURNOUT_FUZZ "Build libFuzzer targets (clang)" OFF)
option(TURNOUT_COVERAGE "Instrument for gcov" OFF)
set(TURNOUT_SANITIZE "" CACHE STRING "Value of -fsanitize=, for example address,undefined or thread")

add_library(turnout_flags INTERFACE)
target_compile_options(turnout_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wconversion -Wno-sign-conversion
    -fno-common -fvisibility=hidden -fstack-protector-strong $<$<BOOL:${TURNOUT_WERROR}>:-Werror>)
target_include_directories(turnout_flags INTERFACE "${PROJECT_SOURCE_DIR}")
if(TURNOUT_SANITIZE)
    target_compile_options(turnout_flags INTERFACE -fsanitize=${TURNOUT_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(turnout_flags INTERFACE -fsanitize=${TURNOUT_SANITIZE})
    # The instrumentation hides value ranges from gcc: -Wconversion then warns of what the plain build proves safe.
    target_compile_options(turnout_flags INTERFACE -Wno-conversion)
endif()
if(TURNOUT_COVERAGE)
    target_compile_options(turnout_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(turnout_flags INTERFACE --coverage)
endif()
if(TURNOUT_FUZZ)
    target_compile_options(turnout_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Everything but strategies/ is a POSIX program; strategies/ stays plain C11 (its purity is checked).
add_library(turnout_posix INTERFACE)
target_compile_definitions(turnout_posix INTERFACE _GNU_SOURCE)
