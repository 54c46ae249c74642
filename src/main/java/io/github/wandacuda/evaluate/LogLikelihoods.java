package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibrate.BlockwiseRun;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.decoder.Decoder;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
    return Math.max(BlockwiseRun.BATCH_TOKENS, CHUNK_BYTES / ((long) hiddenSize * Float.BYTES));
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
    Map<IntBuffer, List<Integer>> byInput = new LinkedHashMap<>();
    for (int at = 0; at < requests.size(); at++) {
      byInput
          .computeIfAbsent(IntBuffer.wrap(requests.get(at).input()), any -> new ArrayList<>())
          .add(at);
    }
    List<List<Integer>> sharing = new ArrayList<>(byInput.values());
    sharing.sort(
        Comparator.comparingInt(
            (List<Integer> same) -> -requests.get(same.getFirst()).input().length));
    double[] scores = new double[requests.size()];
    Chunks chunks = new Chunks(requests, sharing, progress);
    while (chunks.hasNext()) {
      List<List<Integer>> chunk = chunks.next();
      List<ForwardPass.Input> inputs =
          chunk.stream().map(same -> input(requests, places, same)).toList();
      new ForwardPass(decoder, operations).score(inputs, chunks::blockDone);
      for (int at = 0; at < inputs.size(); at++) {
        for (int request = 0; request < chunk.get(at).size(); request++) {
          scores[chunk.get(at).get(request)] = inputs.get(at).sums()[request];
        }
      }
    }
    return scores;
  }

  private static ForwardPass.Input input(
      List<TokenRequest> requests, List<String> places, List<Integer> same) {
    return new ForwardPass.Input(
        requests.get(same.getFirst()).input(),
        same.stream().map(at -> requests.get(at).targets()).toList(),
        new double[same.size()],
        places.get(same.getFirst()));
  }

  /** Cuts inputs into chunks and tells how far they are. */
  private final class Chunks {
    private final List<TokenRequest> requests;
    private final List<List<Integer>> sharing;
    private final Progress progress;
    private final double allTokens;
    private int at;
    private long tokensBefore;
    private long tokens;
    private int block;

    Chunks(List<TokenRequest> requests, List<List<Integer>> sharing, Progress progress) {
      this.requests = requests;
      this.sharing = sharing;
      this.progress = progress;
      allTokens = sharing.stream().mapToLong(this::length).sum();
      progress.begin(0);
    }

    private long length(List<Integer> same) {
      return requests.get(same.getFirst()).input().length;
    }

    boolean hasNext() {
      return at < sharing.size();
    }

    List<List<Integer>> next() {
      tokensBefore += tokens;
      tokens = 0;
      block = 0;
      int from = at;
      do {
        tokens += length(sharing.get(at++));
      } while (hasNext() && tokens + length(sharing.get(at)) <= chunkTokens);
      return sharing.subList(from, at);
    }

    void blockDone() {
      block++;
      double done = tokensBefore + (double) tokens * block / decoder.blocks();
      boolean last = !hasNext() && block == decoder.blocks();
      long inputs = last ? sharing.size() : Math.round(sharing.size() * done / allTokens);
      progress.step(
          "input",
          last ? inputs : Math.min(inputs, sharing.size() - 1L),
          sharing.size(),
          done / allTokens);
    }
  }
}
