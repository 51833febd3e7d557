/*
 * screen: a terminal as a page that is drawn again and again.
 *
 * Not for what is drawn (view_live.h).
 * Shapes: the page is on the terminal's second screen, so that nothing of it is left among what was
 * there before; each drawing is one write, over the page before, without erasing it first. Lines
 * that are too long, and lines that are too many, are cut. Nothing that is typed is shown; Ctrl-C
 * and Ctrl-Z work. Errors: none; a terminal that is gone is noticed by who writes to it. Ownership:
 * one screen per process. cli_screen_leave() puts everything back, also from a signal handler.
 * Threads: one.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct cli_screen_size {
    unsigned rows, columns;
};

/* Of the terminal behind fd; 24 times 80 if it does not say. */
struct cli_screen_size cli_screen_size(int fd);

/* Onto the second screen. Standard output is the terminal. */
void cli_screen_enter(void);

/* Back, if we are on it. */
void cli_screen_leave(void);

/* text: lines, each ended by '\n', with colours. */
void cli_screen_draw(const char *text);

/* The next key that was typed, without waiting; 0: none. */
char cli_screen_key(void);

/* The same as a text for a terminal of that size, malloc'd: from the upper left corner on, each
 * line cut to what fits, with what is left of an earlier page erased. */
char *cli_screen_fit(const char *text, struct cli_screen_size size);

#endif
