/* What cmocka wants to be included before it, and cmocka. */
#ifndef TEST_UNIT_BASE_TEST_H
#define TEST_UNIT_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
