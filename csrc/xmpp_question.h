/* XMPP question: iqs that were asked over a connection, until each has its one answer: what came, or nothing. Everything here is
 * for the XMPP thread. */
#ifndef TM_XMPP_QUESTION_H
#define TM_XMPP_QUESTION_H

#include <stdbool.h>
#include <stdint.h>
#include <strophe.h>

/* The answer to an iq: the stanza (type result or error; borrowed), or NULL when the connection broke or time
 * is over. */
typedef void (*tm_question_answer)(void *owner, void *argument, xmpp_stanza_t *answer);

typedef struct tm_question tm_question;
typedef struct tm_questions {
    void *owner; /* for the answers; borrowed */
    tm_question *first;
} tm_questions;

/* Keeps that an iq with this id is asked, of `to` (NULL: of the own account), until `deadline` (tm_clock_ms). NULL: memory; nobody
 * is answered. */
tm_question *tm_question_add(tm_questions *questions, const char *id, const char *to, uint64_t deadline,
                             tm_question_answer answer, void *argument);
/* Answers it with nothing. */
void tm_question_give_up(tm_questions *questions, tm_question *question);
/* The same for all that were asked before; answers may ask again. */
void tm_questions_give_up(tm_questions *questions);
/* The same for those whose time is over. Whether there were any. */
bool tm_questions_expire(tm_questions *questions);
/* Gives an iq of type result or error to whoever asked for it. Only who was asked may answer; `own`: the own JID. False: nobody
 * has asked. */
bool tm_questions_answer(tm_questions *questions, xmpp_stanza_t *iq, const char *own);
/* When the first one's time is over (tm_clock_ms); 0: there is none. */
uint64_t tm_questions_deadline(const tm_questions *questions);

#endif
