%% Compile each of the tasks in `tasks.scm` in a process of its own: (folder for the output, folder to work in,
%% seconds of processor time).

\version "2.25.12"
#(define tasks (call-with-input-file "tasks.scm" read))
#(for-each
  (lambda (out folder seconds)
    (let ((child (primitive-fork)))
      (if (zero? child)
          (begin
            (chdir folder)
            (dup2 (fileno (open-file (string-append out "/log") "w")) 2)
            (setrlimit 'cpu seconds seconds)
            (catch #t
              (lambda () (ly:parse-file (string-append out "/main.ly")) (primitive-_exit 0))
              (lambda _ (primitive-_exit 1))))
          (let ((status (cdr (waitpid child))))
            (call-with-output-file (string-append out "/status")
              (lambda (port) (display (or (status:exit-val status) "killed") port)))))))
  (map car tasks) (map cadr tasks) (map caddr tasks))
