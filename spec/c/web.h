/* Web: the servers that the media tests download from and upload to: an nginx of its own, and a small server
 * for what nginx does not do wrong. Both listen on 127.0.0.1 on ports the system picked. */
#ifndef WEB_H
#define WEB_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WEB_PATIENCE_MS 20000
#define ODD_SIZE 200000u

typedef struct web {
    const char
        *directory; /* nginx serves <directory>/www and is slow while <directory>/slow is there; what is
                            * put to /put/ or its folders lands in <directory>/put */
    int port;
    pid_t nginx;
    int access_log; /* one datagram a request */
    int odd_port;
    int odd_socket;
    pthread_t odd_thread;
    pthread_mutex_t lock; /* guards what follows */
    int odd_requests;     /* since the test began */
    bool odd_stalling;    /* an upload is held */
    char odd_request[4096];
} web;

static int web_listen(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0)
        return -1;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

/* ---- nginx ---- */

static void web_write_config(const web *site, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) abort();
    const char *d = site->directory;
    if (geteuid() == 0) fprintf(file, "user root;\n");
    fprintf(file, "daemon off; worker_processes 1; pid %s/nginx.pid; error_log %s/error.log;\n", d, d);
    fprintf(file, "events { worker_connections 128; }\nhttp {\n");
    fprintf(file, "  log_format line '$request_uri $status $body_bytes_sent';\n");
    fprintf(file, "  access_log syslog:server=unix:%s/log,nohostname line;\n", d);
    fprintf(file, "  client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n", d, d,
            d);
    fprintf(file, "  uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n", d, d);
    fprintf(file, "  server {\n    listen 127.0.0.1:%d;\n    root %s/www;\n", site->port, d);
    fprintf(file, "    set $limit 0; if (-f %s/slow) { set $limit 256k; } limit_rate $limit;\n", d);
    fprintf(file, "    location /norange/ { alias %s/www/; max_ranges 0; }\n", d);
    fprintf(file, "    location = /fail { return 500 'an error page'; }\n");
    fprintf(file, "    location = /gone { return 410 'an error page'; }\n");
    fprintf(file, "    location = /forbidden { return 403 'an error page'; }\n");
    fprintf(file, "    location = /moved { return 302 /whole.bin; }\n");
    fprintf(file, "    location = /loop { return 302 /loop; }\n");
    fprintf(file, "    location = /passwd { return 302 file:///etc/passwd; }\n");
    fprintf(file, "    location = /fine { return 200 'a word of thanks'; }\n");
    fprintf(file, "    location = /accepted { return 202; }\n");
    fprintf(file, "    location = /elsewhere { return 307 /put/elsewhere; }\n");
    fprintf(file, "    location /put/ { root %s; dav_methods PUT; client_max_body_size 12m; }\n", d);
    fprintf(file, "    location /put/small/ { root %s; dav_methods PUT; client_max_body_size 1k; }\n", d);
    fprintf(file, "    location /put/guarded/ { root %s; dav_methods PUT;\n", d);
    fprintf(file, "      if ($http_authorization != 'Bearer slot') { return 403; } }\n  }\n}\n");
    fclose(file);
}

static bool web_start_nginx(web *site)
{
    char config[256], log[256], inherited[32];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(config, sizeof config, "%s/nginx.conf", site->directory);
    snprintf(log, sizeof log, "%s/error.log", site->directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/log", site->directory);
    site->access_log = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(site->access_log, (struct sockaddr *)&address, sizeof address) != 0) return false;
    /* It inherits a socket that listens already, as it does when it is upgraded: no free port has to be
     * guessed, and requests made before it is ready wait. (This it can do only with a master process.) */
    int fd = web_listen(&site->port);
    if (fd < 0) return false;
    web_write_config(site, config);
    snprintf(inherited, sizeof inherited, "%d;", fd);
    site->nginx = fork();
    if (site->nginx == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* it must not outlive a test that crashes */
        setenv("NGINX", inherited, 1);
        execlp("nginx", "nginx", "-p", site->directory, "-e", log, "-c", config, (char *)NULL);
        execl("/usr/sbin/nginx", "nginx", "-p", site->directory, "-e", log, "-c", config, (char *)NULL);
        _exit(127);
    }
    close(fd);
    return site->nginx > 0;
}

/* Waits for the access-log line of a request for `uri`; lines of others before it are dropped. False: none
 * came. */
static bool web_logged(web *site, const char *uri, int *status, unsigned long *bytes)
{
    char line[1024], found[512];
    for (;;) {
        struct pollfd ready = {.fd = site->access_log, .events = POLLIN};
        if (poll(&ready, 1, WEB_PATIENCE_MS) <= 0) return false;
        ssize_t n = recv(site->access_log, line, sizeof line - 1, 0);
        if (n <= 0) return false;
        line[n] = '\0';
        const char *text = strstr(line, "nginx: ");
        if (!text || sscanf(text + 7, "%511s %d %lu", found, status, bytes) != 3) continue;
        if (strcmp(found, uri) == 0) return true;
    }
}

static void web_forget_log(web *site)
{
    char line[1024];
    while (recv(site->access_log, line, sizeof line, MSG_DONTWAIT) > 0) {
    }
}

/* ---- the odd server ---- */

static unsigned char odd_byte(size_t index)
{
    return (unsigned char)((index * 2654435761u) >> 13);
}

static bool odd_send(int fd, const void *data, size_t length)
{
    const char *from = data;
    while (length > 0) {
        ssize_t n = send(fd, from, length, MSG_NOSIGNAL);
        if (n <= 0) return false;
        from += n;
        length -= (size_t)n;
    }
    return true;
}

static void odd_text(int fd, const char *text)
{
    odd_send(fd, text, strlen(text));
}

static void odd_bytes(int fd, size_t from, size_t to)
{
    static unsigned char bytes[ODD_SIZE + 10]; /* the one odd thread's */
    for (size_t i = from; i < to; i++)
        bytes[i] = odd_byte(i);
    odd_send(fd, bytes + from, to - from);
}

static void odd_wait_for_close(int fd)
{
    char dropped[16 * 1024];
    while (recv(fd, dropped, sizeof dropped, 0) > 0) {
    }
}

/* Closing while there is something to read would reset the connection, and the answer could be lost. */
static void odd_linger(int fd)
{
    shutdown(fd, SHUT_WR);
    odd_wait_for_close(fd);
}

/* `last` is what the answer ends with, in words; `sent` is how far it really goes. */
static void odd_rest(int fd, const char *validator, unsigned long first, unsigned long last,
                     unsigned long sent)
{
    char head[512];
    snprintf(head, sizeof head,
             "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n%s"
             "Content-Range: bytes %lu-%lu/%u\r\n\r\n",
             validator, first, last, ODD_SIZE);
    odd_text(fd, head);
    odd_bytes(fd, first, sent);
}

static void odd_whole(int fd, const char *validator, size_t send_only)
{
    char head[512];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\n%sContent-Length: %u\r\n\r\n",
             validator, ODD_SIZE);
    odd_text(fd, head);
    odd_bytes(fd, 0, send_only);
}

/* Reads a body and keeps it as <directory>/odd.bin; the beginning came with the head. With a pause it takes a
 * sip every so often only. */
static void odd_take(web *site, int fd, const char *request, size_t have, useconds_t pause)
{
    static char bytes[128 * 1024]; /* the one odd thread's */
    char path[256];
    const char *announced = strstr(request, "\r\nContent-Length: "), *body = strstr(request, "\r\n\r\n");
    if (!announced || !body) return;
    unsigned long left = strtoul(announced + 18, NULL, 10);
    size_t early = have - (size_t)(body + 4 - request);
    snprintf(path, sizeof path, "%s/odd.bin", site->directory);
    FILE *file = fopen(path, "w");
    if (!file) abort();
    fwrite(body + 4, 1, early, file);
    for (left -= early; left > 0;) {
        ssize_t n = recv(fd, bytes, left < sizeof bytes ? left : sizeof bytes, pause ? MSG_WAITALL : 0);
        if (n <= 0) break;
        fwrite(bytes, 1, (size_t)n, file);
        left -= (size_t)n;
        if (pause) usleep(pause);
    }
    fclose(file);
}

/* Reads a request's head, and what comes with it; returns how many bytes that was. */
static size_t odd_head(int fd, char *request, size_t size)
{
    size_t have = 0;
    ssize_t n;
    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n") && (n = recv(fd, request + have, size - 1 - have, 0)) > 0) {
        have += (size_t)n;
        request[have] = '\0';
    }
    return have;
}

/* Until it is released: that the client has gone would not be heard through the bytes that are in the way. */
static void odd_stall(web *site)
{
    pthread_mutex_lock(&site->lock);
    site->odd_stalling = true;
    while (site->odd_stalling) {
        pthread_mutex_unlock(&site->lock);
        usleep(10000);
        pthread_mutex_lock(&site->lock);
    }
    pthread_mutex_unlock(&site->lock);
}

static void odd_uploaded(web *site, int fd, const char *request, size_t have, int count)
{
    const char *created = "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (strncmp(request, "PUT /stall ", 11) == 0) {
        odd_stall(site); /* reads nothing of the body */
    } else if (strncmp(request, "PUT /silent ", 12) == 0) {
        odd_wait_for_close(fd); /* reads all and says nothing */
    } else if (strncmp(request, "PUT /break ", 11) == 0) {
        return; /* the body is unread, so this resets the connection */
    } else if (strncmp(request, "PUT /hasty413 ", 14) == 0) {
        odd_text(fd, "HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 500\r\n\r\nsorry");
        odd_linger(fd);
    } else if (strncmp(request, "PUT /hasty403 ", 14) == 0) {
        odd_text(fd, "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 500\r\n\r\nsorry");
        odd_linger(fd);
    } else if (strncmp(request, "PUT /hasty201 ", 14) == 0) {
        odd_text(fd, created);
    } else if (strncmp(request, "PUT /slow ", 10) == 0) {
        odd_take(site, fd, request, have, 120000);
        odd_text(fd, created);
    } else if (strncmp(request, "PUT /endless ", 13) == 0) {
        odd_take(site, fd, request, have, 0);
        odd_text(fd, "HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n");
        while (odd_send(fd, request, have)) {
        }
    } else if (strncmp(request, "PUT /again ", 11) == 0 && count == 1) {
        char next[4096];
        odd_take(site, fd, request, have, 0);
        odd_text(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        odd_head(fd, next, sizeof next); /* and then hangs up */
    } else {
        odd_take(site, fd, request, have, 0);
        odd_text(fd, created);
    }
}

static void odd_answer(int fd, const char *request, int count)
{
    const char *etag = "ETag: \"odd-1\"\r\n";
    const char *range = strstr(request, "\r\nRange: bytes=");
    unsigned long first = range ? strtoul(range + 15, NULL, 10) : 0;
    /* The first request for these breaks off half way; the next ones differ in what they make of Range. */
    if (strncmp(request, "GET /weak ", 10) == 0) {
        etag = "ETag: W/\"odd-1\"\r\nLast-Modified: Mon, 06 Jan 2020 10:00:00 GMT\r\n"
               "Date: Mon, 06 Jan 2020 11:00:00 GMT\r\n";
    } else if (strncmp(request, "GET /fresh ", 11) == 0) {
        etag = "Last-Modified: Mon, 06 Jan 2020 10:00:00 GMT\r\nDate: Mon, 06 Jan 2020 10:00:00 GMT\r\n";
    } else if (strncmp(request, "GET /bare ", 10) == 0) {
        etag = "";
    }
    if (strncmp(request, "GET /silent ", 12) == 0) {
        odd_wait_for_close(fd);
    } else if (strncmp(request, "GET /hang ", 10) == 0) {
        odd_whole(fd, etag, 1000);
        odd_wait_for_close(fd);
    } else if (strncmp(request, "GET /chunked ", 13) == 0) {
        odd_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    } else if (strncmp(request, "GET /empty404 ", 14) == 0) {
        odd_text(fd, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else if (!range) {
        odd_whole(fd, etag, count == 1 ? ODD_SIZE / 2 : ODD_SIZE);
    } else if (strncmp(request, "GET /elsewhere ", 15) == 0) {
        odd_rest(fd, etag, first - 100, ODD_SIZE - 1, ODD_SIZE);
    } else if (strncmp(request, "GET /refused ", 13) == 0) {
        odd_text(fd, "HTTP/1.1 416 No\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsorry");
    } else if (strncmp(request, "GET /down ", 10) == 0 && count == 2) {
        odd_text(fd, "HTTP/1.1 503 Down\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsorry");
    } else if (strncmp(request, "GET /more ", 10) == 0 && count == 2) {
        odd_rest(fd, etag, first, ODD_SIZE - 1, ODD_SIZE + 10);
    } else if (strncmp(request, "GET /less ", 10) == 0 && count == 2) {
        odd_rest(fd, etag, first, first + 99, first + 100);
    } else {
        odd_rest(fd, etag, first, ODD_SIZE - 1, ODD_SIZE);
    }
}

static void *odd_run(void *argument)
{
    web *site = argument;
    for (int fd; (fd = accept(site->odd_socket, NULL, NULL)) >= 0; close(fd)) {
        char request[4096];
        size_t have = odd_head(fd, request, sizeof request);
        pthread_mutex_lock(&site->lock);
        int count = ++site->odd_requests;
        memcpy(site->odd_request, request, sizeof request);
        pthread_mutex_unlock(&site->lock);
        if (strncmp(request, "PUT ", 4) == 0)
            odd_uploaded(site, fd, request, have, count);
        else
            odd_answer(fd, request, count);
    }
    return NULL;
}

static void odd_forget(web *site)
{
    pthread_mutex_lock(&site->lock);
    site->odd_requests = 0;
    pthread_mutex_unlock(&site->lock);
}

/* Lets the one upload go on that is held, or soon will be. */
static void odd_release(web *site)
{
    bool stalling = false;
    for (int ms = 0; !stalling && ms < WEB_PATIENCE_MS; ms += 10, usleep(10000)) {
        pthread_mutex_lock(&site->lock);
        stalling = site->odd_stalling;
        site->odd_stalling = false;
        pthread_mutex_unlock(&site->lock);
    }
}

/* Whether the last request had this line, and how many there were. */
static bool odd_saw(web *site, const char *line, int requests)
{
    pthread_mutex_lock(&site->lock);
    bool saw = strstr(site->odd_request, line) && site->odd_requests == requests;
    pthread_mutex_unlock(&site->lock);
    return saw;
}

/* ---- both ---- */

/* To be called before there are threads, for it forks. */
static bool web_start(web *site, const char *directory)
{
    site->directory = directory;
    if (!web_start_nginx(site)) return false;
    site->odd_socket = web_listen(&site->odd_port);
    pthread_mutex_init(&site->lock, NULL);
    /* What is not read shall not be taken for this side's sake. */
    setsockopt(site->odd_socket, SOL_SOCKET, SO_RCVBUF, &(int){128 * 1024}, sizeof(int));
    return site->odd_socket >= 0 && pthread_create(&site->odd_thread, NULL, odd_run, site) == 0;
}

static void web_stop(web *site)
{
    kill(site->nginx, SIGTERM);
    waitpid(site->nginx, NULL, 0);
    close(site->access_log);
    shutdown(site->odd_socket, SHUT_RDWR);
    pthread_join(site->odd_thread, NULL);
    close(site->odd_socket);
    pthread_mutex_destroy(&site->lock);
}

#endif
