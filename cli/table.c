#include "cli/table.h"

#include "cli/text.h"
#include "cli/width.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

struct cell {
    char *text; /* NULL: empty */
    enum cli_style style;
};

struct cli_table {
    const struct cli_column *columns;
    size_t column_count;
    size_t row_count;
    size_t next; /* cell of the last row */
    struct cell *cells;
};

static const char *const codes[] = {
    [CLI_PLAIN] = "",        [CLI_DIM] = "\033[2m",   [CLI_BOLD] = "\033[1m",
    [CLI_GOOD] = "\033[32m", [CLI_WARN] = "\033[33m", [CLI_BAD] = "\033[31m",
};

void cli_print_styled(FILE *out, bool colour, enum cli_style style, const char *text)
{
    bool is_styled = colour && style != CLI_PLAIN && text[0];

    fprintf(out, "%s%s%s", is_styled ? codes[style] : "", text, is_styled ? "\033[0m" : "");
}

struct cli_table *cli_table_new(const struct cli_column *columns, size_t count)
{
    struct cli_table *table = cli_need(calloc(1, sizeof(*table)));

    assert(count > 0 && count <= COLUMNS_MAX);
    table->columns = columns;
    table->column_count = count;
    return table;
}

void cli_table_free(struct cli_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->row_count * table->column_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}

void cli_table_row(struct cli_table *table)
{
    size_t used = table->row_count * table->column_count;

    table->cells =
        cli_need(realloc(table->cells, (used + table->column_count) * sizeof(*table->cells)));
    memset(table->cells + used, 0, table->column_count * sizeof(*table->cells));
    table->row_count++;
    table->next = used;
}

void cli_table_cell(struct cli_table *table, enum cli_style style, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    assert(table->row_count > 0 && table->next < table->row_count * table->column_count);
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    cli_need(len < 0 ? NULL : text);
    /* What comes from elsewhere must not move the cursor or colour the screen. */
    cli_make_printable(text);
    table->cells[table->next++] = (struct cell){text, style};
}

bool cli_table_is_empty(const struct cli_table *table)
{
    return table->row_count == 0;
}

/* 0 for a column without any text. */
static size_t column_width(const struct cli_table *table, size_t column)
{
    size_t widest = 0;

    for (size_t row = 0; row < table->row_count; row++) {
        size_t width = cli_width(table->cells[row * table->column_count + column].text);
        widest = width > widest ? width : widest;
    }
    size_t title = cli_width(table->columns[column].title);
    return widest > 0 && title > widest ? title : widest;
}

struct line {
    FILE *out;
    bool colour;
    size_t blanks; /* owed before the next text */
    bool is_first;
};

static void put_cell(struct line *line, bool is_right, size_t width, const char *text,
                     enum cli_style style)
{
    size_t pad = width - cli_width(text);

    if (!line->is_first)
        line->blanks += 2;
    line->is_first = false;
    if (!text || !text[0]) {
        line->blanks += width;
        return;
    }
    fprintf(line->out, "%*s", (int)(line->blanks + (is_right ? pad : 0)), "");
    cli_print_styled(line->out, line->colour, style, text);
    line->blanks = is_right ? 0 : pad;
}

static size_t line_width(const size_t *widths, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += widths[i] > 0 ? widths[i] + (sum > 0 ? 2 : 0) : 0;
    return sum;
}

/* The column that goes first; count: none may. */
static size_t least(const struct cli_table *table, const size_t *widths, const unsigned char *ranks)
{
    size_t found = table->column_count;

    for (size_t i = 0; ranks && i < table->column_count; i++) {
        if (widths[i] > 0 && ranks[i] > 0 &&
            (found == table->column_count || ranks[i] > ranks[found]))
            found = i;
    }
    return found;
}

void cli_table_print(const struct cli_table *table, FILE *out, bool colour)
{
    cli_table_print_within(table, out, colour, SIZE_MAX, NULL);
}

void cli_table_print_within(const struct cli_table *table, FILE *out, bool colour, size_t width,
                            const unsigned char *ranks)
{
    size_t widths[COLUMNS_MAX];
    struct line title = {.out = out, .colour = colour, .is_first = true};

    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    while (line_width(widths, table->column_count) > width &&
           least(table, widths, ranks) < table->column_count)
        widths[least(table, widths, ranks)] = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (widths[i] > 0)
            put_cell(&title, table->columns[i].is_right, widths[i], table->columns[i].title,
                     CLI_DIM);
    }
    fputc('\n', out);
    for (size_t row = 0; row < table->row_count; row++) {
        struct line line = {.out = out, .colour = colour, .is_first = true};

        for (size_t i = 0; i < table->column_count; i++) {
            const struct cell *cell = &table->cells[row * table->column_count + i];
            if (widths[i] > 0)
                put_cell(&line, table->columns[i].is_right, widths[i], cell->text, cell->style);
        }
        fputc('\n', out);
    }
}
