package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Tasks as requests of a model's tokens, which can be scored by any decoder that has the same
 * tokenizer: a model before and after it was pruned.
 *
 * @param tasks without the files that they were read from
 * @param requests of all documents' answers in their order: the token ids that are read, and those
 *     that are scored
 * @param places where each request stands, for messages
 */
public record Evaluation(List<Task> tasks, List<TokenRequest> requests, List<String> places)
    implements Serializable {
  /**
   * Tokenizes tasks.
   *
   * @param model whose vocabulary, positions and special tokens count
   * @param tokenizer the model's own; it isn't used after the call
   * @param bos whether special tokens are added as the tokenizer does it; without them, an empty
   *     context is EOS
   * @throws InputException if a request is longer than the model's positions allow, or has an empty
   *     context where the model has no token to stand for it
   * @throws CancelledException if the thread is interrupted
   */
  public static Evaluation of(
      List<Task> tasks, ModelDirectory model, Tokenizer tokenizer, boolean bos) {
    DecoderShape shape = DecoderFamilies.shape(model);
    int prefix = SpecialTokens.prefix(model, tokenizer, bos);
    RequestEncoder encoder = new RequestEncoder(tokenizer, bos, prefix, shape, new HashMap<>());
    // A path doesn't travel, and nothing is read any more.
    List<Task> plain = tasks.stream().map(Task::withoutFiles).toList();
    Evaluation evaluation = new Evaluation(plain, new ArrayList<>(), new ArrayList<>());
    for (Task task : tasks) {
      for (TaskDocument document : task.documents()) {
        CancelledException.throwIfInterrupted();
        evaluation.add(encoder, document, prefix >= 0);
      }
    }
    return evaluation;
  }

  private void add(RequestEncoder encoder, TaskDocument document, boolean emptyAllowed) {
    for (TaskDocument.Choice choice : document.choices()) {
      if (choice.context().isBlank() && !emptyAllowed) {
        throw ErrorDetails.of(document.place())
            .wrong("a context, since the model has neither BOS nor EOS", "an empty one");
      }
      requests.add(encoder.encode(document.place(), choice));
      places.add(document.place());
    }
  }

  /**
   * Returns a digest of all requests' tokens and of which answers are right, in hexadecimal: equal
   * ones mean that two runs asked the same.
   */
  public String sha256() {
    int[] right =
        tasks.stream()
            .flatMap(task -> task.documents().stream())
            .mapToInt(TaskDocument::gold)
            .toArray();
    return CalibrationSamples.digest(
        Stream.concat(
                requests.stream()
                    .flatMap(
                        request ->
                            Stream.of(
                                new int[] {request.input().length},
                                request.input(),
                                request.targets())),
                Stream.of(right))
            .toArray(int[][]::new));
  }

  /**
   * Returns how many bytes of memory the hidden states of {@link #run} take at most, those of a
   * batch on a device included.
   *
   * @param hiddenSize elements of a token's state
   */
  public long stateBytes(int hiddenSize) {
    long tokens = requests.stream().mapToLong(request -> request.input().length).sum();
    return 2 * Math.min(tokens, LogLikelihoods.chunkTokens(hiddenSize)) * hiddenSize * Float.BYTES;
  }

  /**
   * Runs all requests through a decoder and scores the tasks. It opens each block of the decoder by
   * itself.
   *
   * @param progress told after each block how many inputs are through, as a share of the work
   * @return a score for each task, in the order of {@link #tasks}
   * @throws InputException if a log-likelihood isn't finite
   */
  public List<TaskScore> run(Decoder decoder, Progress progress) {
    return scores(new LogLikelihoods(decoder).of(requests, places, progress));
  }

  /**
   * Begins to run all requests through a decoder. The caller opens the blocks, since it changes
   * them, hands each to {@link ForwardPass#advance}, and asks {@link #scores(ForwardPass)} after
   * the last one.
   *
   * @return a pass for the caller to close, before the decoder
   */
  public ForwardPass pass(Decoder decoder) {
    return new ForwardPass(decoder, inputs());
  }

  /**
   * Scores the tasks from a pass that has gone through the last block.
   *
   * @throws InputException if a log-likelihood isn't finite
   */
  public List<TaskScore> scores(ForwardPass pass) {
    double[] scores = new double[requests.size()];
    pass.score(scores);
    return scores(scores);
  }

  /**
   * Returns how many tokens a {@link #pass} holds states of: those of all requests' inputs, equal
   * inputs counted once.
   */
  public long inputTokens() {
    return ForwardPass.Input.tokens(inputs());
  }

  private List<ForwardPass.Input> inputs() {
    return ForwardPass.Input.of(requests, places);
  }

  /**
   * Returns each task's score.
   *
   * @param scores the log-likelihoods of all requests in their order, in nats
   */
  List<TaskScore> scores(double[] scores) {
    List<TaskScore> results = new ArrayList<>();
    int at = 0;
    for (Task task : tasks) {
      List<List<Double>> byDocument = new ArrayList<>();
      for (TaskDocument document : task.documents()) {
        int from = at;
        at += document.choices().size();
        byDocument.add(Arrays.stream(scores, from, at).boxed().toList());
      }
      results.add(TaskScore.of(task, byDocument));
    }
    return results;
  }

  /**
   * Turns requests into token ids as lm-evaluation-harness does. Where a continuation begins is
   * found by the number of tokens of the context alone, since tokenizers join text across the
   * border.
   *
   * @param special whether the tokenizer's special tokens are added, such as BOS
   * @param prefix the token that stands for an empty context; -1 if there is none
   * @param last the last context and its tokens: a question's answers mostly have the same context,
   *     which is then tokenized only once
   */
  private record RequestEncoder(
      Tokenizer tokenizer,
      boolean special,
      int prefix,
      DecoderShape shape,
      Map<String, int[]> last) {
    /**
     * Encodes a request. Of a context that is too long for the model's positions the beginning is
     * left out.
     *
     * @param place where it stands, for messages
     * @throws InputException if the continuation has no token of its own or more than the model has
     *     positions, or an id is outside the vocabulary
     */
    TokenRequest encode(String place, TaskDocument.Choice choice) {
      // A space between the two belongs to the continuation's first token.
      int end = PythonText.endWithoutSpace(choice.context());
      String context = choice.context().substring(0, end);
      String continuation = choice.context().substring(end) + choice.continuation();
      int[] before = context(context);
      int[] whole = tokenizer.encode(context + continuation, special);
      int[] after = Arrays.copyOfRange(whole, Math.min(before.length, whole.length), whole.length);
      if (choice.context().isEmpty() && whole.length > 0 && whole[0] == prefix) {
        after = Arrays.copyOfRange(whole, 1, whole.length);
      } else if (choice.context().isEmpty()) {
        after = whole;
      }
      if (before.length == 0 || choice.context().isEmpty()) {
        before = new int[] {prefix};
      }
      requireFits(place, after.length);
      return cut(place, before, after);
    }

    private int[] context(String context) {
      if (!last.containsKey(context)) {
        int[] tokens = tokenizer.encode(context, special);
        last.clear();
        last.put(context, tokens);
      }
      return last.get(context);
    }

    private void requireFits(String place, int length) {
      if (length == 0 || length > shape.maximumLength()) {
        throw ErrorDetails.of(place)
            .wrong(
                "a continuation of 1 to %d tokens, the positions that the model has"
                    .formatted(shape.maximumLength()),
                length);
      }
    }

    /**
     * Joins context and continuation, and leaves out the beginning of what is longer than the
     * model's positions.
     */
    private TokenRequest cut(String place, int[] before, int[] after) {
      int[] all = Arrays.copyOf(before, before.length + after.length);
      System.arraycopy(after, 0, all, before.length, after.length);
      TokenLists.requireKnown(
          shape.vocabulary(),
          all,
          ErrorDetails.of("%s, tokenized by %s".formatted(place, tokenizer.source())));
      int start = Math.max(0, all.length - 1 - shape.maximumLength());
      return new TokenRequest(Arrays.copyOfRange(all, start, all.length - 1), after);
    }
  }

  /**
   * The log-likelihoods of many requests. Requests whose inputs are equal, as those of a question
   * whose answers have one token each, share their forward pass. Inputs run longest first, in
   * chunks that fit into memory.
   *
   * @param chunkTokens how many tokens a chunk has at most, unless one input alone has more
   */
  record LogLikelihoods(Decoder decoder, long chunkTokens) {
    /** Bytes of the hidden states of a chunk, which are held twice. */
    private static final long CHUNK_BYTES = 1L << 29;

    /** Scores by chunks of the usual size. */
    LogLikelihoods(Decoder decoder) {
      this(decoder, chunkTokens(decoder.hiddenSize()));
    }

    /**
     * Returns how many tokens run through the blocks together.
     *
     * @param hiddenSize elements of a token's state
     */
    static long chunkTokens(int hiddenSize) {
      return Math.max(
          DecoderDescription.BATCH_TOKENS, CHUNK_BYTES / ((long) hiddenSize * Float.BYTES));
    }

    /**
     * Scores requests.
     *
     * @param places where each stands, for messages
     * @param progress told after each block how many inputs are through
     * @return the log-likelihood of each request's targets, in nats
     * @throws InputException if one isn't finite
     */
    double[] of(List<TokenRequest> requests, List<String> places, Progress progress) {
      List<ForwardPass.Input> inputs = ForwardPass.Input.of(requests, places);
      double[] scores = new double[requests.size()];
      double all = ForwardPass.Input.tokens(inputs);
      double before = 0;
      progress.begin(0);
      int to;
      for (int from = 0; from < inputs.size(); from = to) {
        to = end(inputs, from);
        List<ForwardPass.Input> chunk = inputs.subList(from, to);
        double tokens = ForwardPass.Input.tokens(chunk);
        try (ForwardPass pass = new ForwardPass(decoder, chunk)) {
          for (int index = 0; index < decoder.blocks(); index++) {
            try (Block block = decoder.block(index)) {
              decoder.readAhead(index + 1);
              pass.advance(block);
            }
            double done = before + tokens * (index + 1) / decoder.blocks();
            boolean last = to == inputs.size() && index + 1 == decoder.blocks();
            long count = inputs.size();
            long run = last ? count : Math.min(Math.round(count * done / all), count - 1);
            progress.step("input", run, count, done / all);
          }
          pass.score(scores);
        }
        before += tokens;
      }
      return scores;
    }

    /** Returns where the chunk that begins with an input ends, exclusive. */
    private int end(List<ForwardPass.Input> inputs, int from) {
      int end = from + 1;
      long tokens = inputs.get(from).tokens().length;
      while (end < inputs.size() && tokens + inputs.get(end).tokens().length <= chunkTokens) {
        tokens += inputs.get(end++).tokens().length;
      }
      return end;
    }
  }
}
