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
 * @param requests the token ids of each, what is read and then what is scored
 * @param places where each stands, for messages
 */
public record Evaluation(List<Task> tasks, List<TokenRequest> requests, List<String> places)
    implements Serializable {
  /**
   * Tokenizes tasks.
   *
   * @param bos whether special tokens are added as the tokenizer does it; without them, an empty
   *     context is EOS
   * @throws InputException if a request is longer than the model's positions allow, or has an empty
   *     context where the model has no token to stand for it
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

  /** Returns a digest of all requests and what is right, in hexadecimal. */
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

  /** Returns how many bytes of memory the hidden states take, those of a batch on a device too. */
  public long stateBytes(int hiddenSize) {
    long tokens = requests.stream().mapToLong(request -> request.input().length).sum();
    return 2 * Math.min(tokens, LogLikelihoods.chunkTokens(hiddenSize)) * hiddenSize * Float.BYTES;
  }

  public List<TaskScore> run(Decoder decoder, Progress progress) {
    return scores(new LogLikelihoods(decoder).of(requests, places, progress));
  }

  /**
   * Begins to run all requests through a decoder whose blocks another opens, since it changes them;
   * the caller closes the pass before the decoder.
   */
  public ForwardPass pass(Decoder decoder) {
    return new ForwardPass(decoder, inputs());
  }

  /** Scores the tasks, after the last block. */
  public List<TaskScore> scores(ForwardPass pass) {
    double[] scores = new double[requests.size()];
    pass.score(scores);
    return scores(scores);
  }

  /**
   * Returns the tokens of all requests' inputs, of equal ones once, which a {@link #pass} holds.
   */
  public long inputTokens() {
    return ForwardPass.Input.tokens(inputs());
  }

  private List<ForwardPass.Input> inputs() {
    return ForwardPass.Input.of(requests, places);
  }

  /** Returns each task's score, from the log-likelihoods of all requests in their order. */
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
   * @param prefix the token that stands for an empty context
   * @param last the tokens of the last context by its text: answers of a question mostly have the
   *     same, which needs to be tokenized but once
   */
  private record RequestEncoder(
      Tokenizer tokenizer,
      boolean special,
      int prefix,
      DecoderShape shape,
      Map<String, int[]> last) {
    /**
     * Encodes a request.
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

    /** Leaves out the beginning of what is too long. */
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
   * @param chunkTokens from so many on a chunk takes no more inputs
   */
  record LogLikelihoods(Decoder decoder, long chunkTokens) {
    /** Bytes of the hidden states of a chunk, which are held twice. */
    private static final long CHUNK_BYTES = 1L << 29;

    LogLikelihoods(Decoder decoder) {
      this(decoder, chunkTokens(decoder.hiddenSize()));
    }

    /** Returns how many tokens run through the blocks together. */
    static long chunkTokens(int hiddenSize) {
      return Math.max(
          DecoderDescription.BATCH_TOKENS, CHUNK_BYTES / ((long) hiddenSize * Float.BYTES));
    }

    /**
     * Scores requests.
     *
     * @param places where each stands, for messages
     * @return the log-likelihood of each request's targets, in nats
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

    /** Returns where the chunk ends that begins with an input. */
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
