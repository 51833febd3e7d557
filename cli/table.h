/*
 * table: rows of cells with columns that line up.
 *
 * Shapes: text in UTF-8, places as width.h counts them; control bytes become '?'. Columns in which
 * every cell is empty are left out, with their titles. Columns are two spaces apart; no blanks at
 * the end of a line. Errors: out of memory ends the process (text.h). Ownership: the table copies
 * all texts but the titles. Threads: one.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_style { CLI_PLAIN, CLI_DIM, CLI_BOLD, CLI_GOOD, CLI_WARN, CLI_BAD };

struct cli_column {
    const char *title;
    bool is_right; /* numbers */
};

struct cli_table;

struct cli_table *cli_table_new(const struct cli_column *columns, size_t count);
void cli_table_free(struct cli_table *table);

/* The cells of the next row follow, from the left; those that are not given are empty. */
void cli_table_row(struct cli_table *table);
void cli_table_cell(struct cli_table *table, enum cli_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool cli_table_is_empty(const struct cli_table *table);
void cli_table_print(const struct cli_table *table, FILE *out, bool colour);

/* The same in so many places, as far as leaving out columns can make it: those of the highest rank
 * (a number for each column) go first, those of rank 0 stay. */
void cli_table_print_within(const struct cli_table *table, FILE *out, bool colour, size_t width,
                            const unsigned char *ranks);

/* The text in a style; only when colour is true, else plain. */
void cli_print_styled(FILE *out, bool colour, enum cli_style style, const char *text);

#endif
