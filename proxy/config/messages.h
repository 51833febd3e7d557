/*
 * messages: how the configuration parser says what is wrong.
 *
 * Private to proxy/config; config.h holds what others read. Not for finding mistakes.
 * Shapes: one sentence a message, without a full stop; places count from 1, columns in characters;
 * user's text is quoted, cut and made printable. Errors: -ENOMEM, or out_of_memory of the parser.
 * Ownership: texts are copied. Threads: as the parser.
 */
#ifndef PX_CONFIG_MESSAGES_H
#define PX_CONFIG_MESSAGES_H

#include "proxy/config/config.h"

#define PX_MESSAGES_MAX 100

struct px_parser;
struct px_node;

int px_messages_set_file(struct px_messages *messages, const char *file);
int px_messages_add(struct px_messages *messages, enum px_severity severity, uint32_t line,
                    uint32_t column, const char *text);
/* By line and column: what one would read in the file from top to bottom. */
void px_messages_sort(struct px_messages *messages);

void px_error(struct px_parser *parser, const struct px_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void px_error_at(struct px_parser *parser, uint32_t line, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void px_warning(struct px_parser *parser, const struct px_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * "interval: expected WHAT, found '30' (did you mean '30s'?)"; the last part only with a suggestion
 * that is not NULL. The key's name is that of the node, or of the list that it is in.
 */
void px_expected(struct px_parser *parser, const struct px_node *node, const char *what,
                 const char *suggestion);

/* The nearest of the words by edit distance, when near enough to be a slip of the hand, or NULL. */
const char *px_suggest(struct tn_str found, const char *const *words, size_t count);

/* Text that is built in place and cut, with "...", at its end. */
struct px_text {
    size_t len;
    char bytes[600];
};
void px_text_add(struct px_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What was found, fit for a message: cut when long, quoted. */
void px_text_add_found(struct px_text *text, struct tn_str found);

#endif
