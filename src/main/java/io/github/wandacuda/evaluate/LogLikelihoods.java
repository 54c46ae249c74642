package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.util.Arrays;
import java.util.List;

/**
 * The log-likelihoods of many requests. Requests whose inputs are equal, as those of a question
 * whose answers have one token each, share their forward pass. Inputs run longest first, in chunks
 * that fit into memory.
 */
final class LogLikelihoods {
  /** Bytes of the hidden states of a chunk, which are held twice. */
  private static final long CHUNK_BYTES = 1L << 29;

  private final Decoder decoder;
  private final Operations operations;
  private final long chunkTokens;

  LogLikelihoods(Decoder decoder, Operations operations) {
    this(decoder, operations, chunkTokens(decoder.hiddenSize()));
  }

  /**
   * Creates the scorer with chunks of another size.
   *
   * @param chunkTokens tokens after which a chunk takes no more inputs
   */
  LogLikelihoods(Decoder decoder, Operations operations, long chunkTokens) {
    this.decoder = decoder;
    this.operations = operations;
    this.chunkTokens = chunkTokens;
  }

  /** Returns how many tokens run through the blocks together. */
  static long chunkTokens(int hiddenSize) {
    return Math.max(SampleBatch.TOKENS, CHUNK_BYTES / ((long) hiddenSize * Float.BYTES));
  }

  /**
   * Scores requests.
   *
   * @param places where each stands, for messages
   * @param progress told after each block of a chunk
   * @return the log-likelihood of each request's targets, in nats
   * @throws io.github.wandacuda.error.InputException if one isn't finite
   */
  double[] of(List<TokenRequest> requests, List<String> places, Progress progress) {
    SharedInputs shared = new SharedInputs(requests, places);
    double[] scores = new double[requests.size()];
    Chunks chunks = new Chunks(shared.lengths(), progress);
    while (chunks.hasNext()) {
      Range chunk = chunks.next();
      List<ForwardPass.Input> inputs = shared.inputs(chunk.from(), chunk.to());
      try (ForwardPass pass = new ForwardPass(decoder, operations, inputs)) {
        for (int index = 0; index < decoder.blocks(); index++) {
          try (Block block = decoder.block(index)) {
            decoder.readAhead(index + 1);
            pass.advance(block);
          }
          chunks.blockDone();
        }
        pass.score();
      }
      shared.put(chunk.from(), inputs, scores);
    }
    return scores;
  }

  /** Inputs {@code [from, to)}. */
  private record Range(int from, int to) {}

  /** Cuts inputs into chunks and tells how far they are. */
  private final class Chunks {
    private final int[] lengths;
    private final Progress progress;
    private final double allTokens;
    private int at;
    private long tokensBefore;
    private long tokens;
    private int block;

    Chunks(int[] lengths, Progress progress) {
      this.lengths = lengths;
      this.progress = progress;
      allTokens = Arrays.stream(lengths).asLongStream().sum();
      progress.begin(0);
    }

    boolean hasNext() {
      return at < lengths.length;
    }

    Range next() {
      tokensBefore += tokens;
      tokens = 0;
      block = 0;
      int from = at;
      do {
        tokens += lengths[at++];
      } while (hasNext() && tokens + lengths[at] <= chunkTokens);
      return new Range(from, at);
    }

    void blockDone() {
      block++;
      double done = tokensBefore + (double) tokens * block / decoder.blocks();
      boolean last = !hasNext() && block == decoder.blocks();
      long inputs = last ? lengths.length : Math.round(lengths.length * done / allTokens);
      progress.step(
          "input",
          last ? inputs : Math.min(inputs, lengths.length - 1L),
          lengths.length,
          done / allTokens);
    }
  }
}
