/*
 * width: how many places of a terminal a text takes.
 *
 * Shapes: text in UTF-8; wide characters take two places, combining ones none, controls and what is
 * no UTF-8 one (a '?' stands there). Colours (ESC [ … m) take none. By the tables of the C library
 * (locale C.UTF-8, whatever the user's is); without them every character takes one.
 * Errors: none. Threads: any, after the first call.
 */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stddef.h>

/* NULL is empty. */
size_t cli_width(const char *text);

/* The next character of a text that is not empty, or the colour that stands there: its bytes (at
 * least 1), and how many places it takes. */
size_t cli_width_next(const char *text, size_t *ret_places);

#endif
