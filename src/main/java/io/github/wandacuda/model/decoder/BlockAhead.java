package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.model.description.BlockDescription;
import io.github.wandacuda.model.description.LinearDescription;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A block's weights, which a thread of their own reads and sends to the device while it works on
 * the block before. If that fails, nothing comes: who opens the block then reads them and meets the
 * failure.
 */
final class BlockAhead implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BlockAhead.class);

  private final DecoderWeights from;
  private final int index;
  private final List<LinearDescription> linears;
  private final WeightsAhead weights;
  private final CompletableFuture<Void> sending;
  private volatile boolean givenUp;

  private BlockAhead(
      DecoderWeights from, int index, List<LinearDescription> linears, WeightsAhead weights) {
    this.from = from;
    this.index = index;
    this.linears = linears;
    this.weights = weights;
    sending =
        CompletableFuture.runAsync(
            this::send, task -> Thread.ofPlatform().daemon().name("wanda-cuda-ahead").start(task));
  }

  /** Begins to send a block's weights; nothing if the device has no room or no need for them. */
  static Optional<BlockAhead> begin(DecoderWeights from, BlockDescription block, int index) {
    List<LinearDescription> linears = block.linears().toList();
    List<WeightsAhead.Shape> shapes =
        linears.stream().map(from::shape).flatMap(Optional::stream).toList();
    return shapes.size() < linears.size()
        ? Optional.empty()
        : from.operations()
            .weightsAhead(shapes)
            .map(weights -> new BlockAhead(from, index, linears, weights));
  }

  /** Returns the block's number. */
  int index() {
    return index;
  }

  private void send() {
    for (LinearDescription linear : linears) {
      if (givenUp) {
        return;
      }
      try (Arena arena = Arena.ofShared()) {
        weights.send(from.read(linear, arena));
      }
    }
  }

  /** Waits until the weights are there, and returns them by their modules' names. */
  Map<String, Weight> take() {
    if (!isSent()) {
      return Map.of();
    }
    List<Weight> there = weights.take();
    Map<String, Weight> named = new HashMap<>();
    for (int linear = 0; linear < linears.size(); linear++) {
      named.put(linears.get(linear).name(), there.get(linear));
    }
    return named;
  }

  private boolean isSent() {
    return sending
        .handle(
            (done, failure) -> {
              if (failure != null) {
                LOG.debug("block {} doesn't come ahead", index, failure);
              }
              return failure == null;
            })
        .join();
  }

  /** Waits for the thread, and frees what wasn't taken. */
  @Override
  public void close() {
    givenUp = true;
    isSent();
    weights.close();
  }
}
