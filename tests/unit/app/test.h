/*
 * test: what every unit test of this folder includes: cmocka and what it needs before.
 *
 * Not for helpers (fake_disk.h, talk.h).
 */
#ifndef APP_TEST_H
#define APP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ASSERT_TEXT(text, expected) assert_string_equal((text).data, expected)

#endif
