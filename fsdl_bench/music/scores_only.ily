%% Write the scores of a LilyPond file as MIDI and lay out no page: each score with a \midi block, or, if none has
%% one, every score. Repeats are played as written once, and only tremolos are unfolded. `output-folder` is defined
%% before.

#(define kept-scores '())
#(define (keep-score score)
   (if (ly:score? score) (set! kept-scores (cons score kept-scores))))
#(define (keep-book book)
   (for-each keep-book (reverse (ly:book-book-parts book)))
   (for-each keep-score (reverse (ly:book-scores book))))

#(define toplevel-score-handler keep-score)
#(define toplevel-text-handler (lambda (text) #f))
#(define toplevel-music-handler (lambda (music) (collect-music-aux keep-score music)))
#(define toplevel-bookpart-handler keep-book)
#(define toplevel-book-handler keep-book)
#(define default-toplevel-book-handler keep-book)

unfoldRepeats =
#(define-music-function (types music) ((symbol-list-or-symbol? '()) ly:music?) music)

#(define unfold-tremolos
   (let ((unfold unfold-repeats)) (lambda (music) (unfold '(tremolo) music))))
#(define* (unfold-repeats types #:optional music) (or music types))

%% Functions of older versions that concern the layout alone.
#(define (set-octavation . _) *unspecified*)
#(define (override-auto-beam-setting . _) *unspecified*)
#(define (revert-auto-beam-setting . _) *unspecified*)
#(define (make-pango-font-tree . _) '())
#(define staff-space 1)

#(define (midi-blocks score)
   (filter (lambda (block) (eq? 'midi (ly:output-def-lookup block 'output-def-kind #f)))
           (ly:score-output-defs score)))

#(define (write-score score number)
   (let ((alone (ly:make-score (unfold-tremolos (ly:score-music score))))
         (own (midi-blocks score)))
     (ly:score-add-output-def! alone (if (pair? own) (car own) $defaultmidi))
     (ly:book-process (ly:make-book $defaultpaper $defaultheader alone)
                      $defaultpaper $defaultlayout (format #f "~a/~4,'0d" output-folder number))))

#(define (write-scores)
   (let* ((all (reverse kept-scores))
          (meant (filter (lambda (score) (pair? (midi-blocks score))) all))
          (wanted (if (pair? meant) meant all)))
     (for-each write-score wanted (iota (length wanted)))))
