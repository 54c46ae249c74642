package io.github.wandacuda.model;

import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A block's weights, all of which are read ahead and sent to the device. If that fails, nothing
 * comes: who opens the block then reads them and meets the failure.
 */
final class DeviceBlockAhead implements BlockAhead {
  private static final Logger LOG = LoggerFactory.getLogger(DeviceBlockAhead.class);

  private final int index;
  private final List<LinearDescription> linears;
  private final WeightsAhead weights;
  private final AheadThread thread;

  private DeviceBlockAhead(
      DecoderWeights from, int index, List<LinearDescription> linears, WeightsAhead weights) {
    this.index = index;
    this.linears = linears;
    this.weights = weights;
    thread =
        new AheadThread(
            linears.stream().<Runnable>map(linear -> () -> send(linear, from.tensors())).toList());
  }

  /** Begins to send a block's weights; nothing if the device has no room or no need for them. */
  static Optional<DeviceBlockAhead> begin(DecoderWeights from, BlockDescription block, int index) {
    List<LinearDescription> linears = block.linears().toList();
    List<WeightsAhead.Shape> shapes =
        linears.stream().map(from.tensors()::shape).flatMap(Optional::stream).toList();
    return shapes.size() < linears.size()
        ? Optional.empty()
        : from.operations()
            .weightsAhead(shapes)
            .map(weights -> new DeviceBlockAhead(from, index, linears, weights));
  }

  private void send(LinearDescription linear, DecoderTensors from) {
    try (Arena arena = Arena.ofShared()) {
      weights.send(from.read(linear, arena));
    }
  }

  @Override
  public int index() {
    return index;
  }

  @Override
  public Arrival take() {
    Optional<Throwable> failure = thread.await();
    if (failure.isPresent()) {
      LOG.debug("block {} doesn't come ahead", index, failure.get());
      return new Arrival(Map.of());
    }
    List<Weight> there = weights.take();
    Map<String, Weight> named = new HashMap<>();
    for (int linear = 0; linear < linears.size(); linear++) {
      named.put(linears.get(linear).name(), there.get(linear));
    }
    return new Arrival(named);
  }

  @Override
  public void close() {
    thread.close();
    weights.close();
  }
}
