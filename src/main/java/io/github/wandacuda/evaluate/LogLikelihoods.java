package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
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
   * @return the log-likelihood of each request's targets, in nats
   */
  double[] of(List<TokenRequest> requests, List<String> places, Progress progress) {
    List<ForwardPass.Input> inputs = ForwardPass.Input.of(requests, places);
    double[] scores = new double[requests.size()];
    Chunks chunks = new Chunks(inputs, progress);
    while (chunks.hasNext()) {
      try (ForwardPass pass = new ForwardPass(decoder, operations, chunks.next())) {
        for (int index = 0; index < decoder.blocks(); index++) {
          try (Block block = decoder.block(index)) {
            decoder.readAhead(index + 1);
            pass.advance(block);
          }
          chunks.blockDone();
        }
        pass.score(scores);
      }
    }
    return scores;
  }

  /** Cuts inputs into chunks and tells how far they are. */
  private final class Chunks {
    private final List<ForwardPass.Input> inputs;
    private final Progress progress;
    private final double allTokens;
    private int at;
    private long tokensBefore;
    private long tokens;
    private int block;

    Chunks(List<ForwardPass.Input> inputs, Progress progress) {
      this.inputs = inputs;
      this.progress = progress;
      allTokens = inputs.stream().mapToLong(input -> input.tokens().length).sum();
      progress.begin(0);
    }

    boolean hasNext() {
      return at < inputs.size();
    }

    List<ForwardPass.Input> next() {
      tokensBefore += tokens;
      tokens = 0;
      block = 0;
      int from = at;
      do {
        tokens += inputs.get(at++).tokens().length;
      } while (hasNext() && tokens + inputs.get(at).tokens().length <= chunkTokens);
      return inputs.subList(from, at);
    }

    void blockDone() {
      block++;
      double done = tokensBefore + (double) tokens * block / decoder.blocks();
      boolean last = !hasNext() && block == decoder.blocks();
      long all = inputs.size();
      long run = last ? all : Math.min(Math.round(all * done / allTokens), all - 1);
      progress.step("input", run, all, done / allTokens);
    }
  }
}
