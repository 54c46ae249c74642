package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.system.RealCause;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a block's weights before the block is asked for, while the block before it computes: all of
 * them to the device, or the first of them to host memory. They are read by a thread that is never
 * interrupted: an interrupt would close the files that it reads, and a run that is cancelled needs
 * them open.
 */
final class BlockAhead implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BlockAhead.class);
  private static final long ALIGNMENT = 64;

  /**
   * The most bytes that are read ahead to host memory; a block of seven billion parameters has
   * more, so that only its first tensors are.
   */
  private static final long MOST_BYTES = 256L << 20;

  private final int index;
  private final List<LinearDescription> linears;
  private final Optional<WeightsAhead> device;
  private final Arrival arrival;
  private final Thread thread;
  private volatile boolean wanted = true;
  private Throwable failure;
  private boolean taken;

  /**
   * Begins to read a block's weights; to host memory if the device has no room for them or reads
   * host memory in place.
   *
   * @param from the decoder's weights
   * @param index the block's number
   */
  BlockAhead(DecoderWeights from, BlockDescription block, int index) {
    this.index = index;
    arrival = new Arrival(from.arrival().memory().next());
    linears = block.linears().toList();
    device = room(from);
    List<Runnable> steps =
        device.isPresent()
            ? linears.stream().<Runnable>map(linear -> () -> send(linear, from.tensors())).toList()
            : reads(from.tensors());
    thread =
        Thread.ofPlatform().daemon().name("wanda-cuda-read-ahead").unstarted(() -> doAll(steps));
    if (!steps.isEmpty()) {
      thread.start();
    }
  }

  private Optional<WeightsAhead> room(DecoderWeights from) {
    List<WeightsAhead.Shape> shapes =
        linears.stream().map(from.tensors()::shape).flatMap(Optional::stream).toList();
    return shapes.size() < linears.size()
        ? Optional.empty()
        : from.operations().weightsAhead(shapes);
  }

  private void send(LinearDescription linear, DecoderTensors from) {
    try (Arena arena = Arena.ofShared()) {
      device.orElseThrow().send(from.read(linear, arena));
    }
  }

  /**
   * Allocates memory for the first tensors, and returns the steps that read them. The thread
   * doesn't allocate it itself, since the C library keeps what a thread allocated after the thread
   * has ended.
   */
  private List<Runnable> reads(DecoderTensors from) {
    List<Runnable> reads = new ArrayList<>();
    long bytes = 0;
    for (LinearDescription linear : linears) {
      Checkpoint.Entry entry = from.stored(linear).orElse(null);
      bytes += entry == null ? 0 : entry.info().bytes();
      if (bytes > MOST_BYTES) {
        break;
      }
      if (entry != null) {
        MemorySegment memory = arrival.memory.allocate(entry.info().bytes(), ALIGNMENT);
        arrival.tensors.put(entry.info().name(), memory);
        reads.add(() -> entry.shard().read(entry.info(), 0, memory));
      }
    }
    return reads;
  }

  /** Does all steps in their order, until one fails or the weights aren't wanted any more. */
  private void doAll(List<Runnable> steps) {
    try {
      for (Runnable step : steps) {
        if (!wanted) {
          return;
        }
        step.run();
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /** Returns the block's number. */
  int index() {
    return index;
  }

  /**
   * Waits until the weights are there, and hands them over. If sending them to the device fails,
   * none are handed over: the block that is opened then reads them itself and meets the same
   * failure.
   *
   * @throws CancelledException if the caller is interrupted
   * @throws RuntimeException what reading to host memory threw
   */
  Arrival take() {
    CancelledException.waiting(thread::join);
    if (device.isEmpty()) {
      RealCause.rethrow(failure);
    } else if (failure != null) {
      LOG.debug("block {} doesn't come ahead", index, failure);
    } else {
      List<Weight> there = device.get().take();
      for (int linear = 0; linear < linears.size(); linear++) {
        arrival.weights.put(linears.get(linear).name(), there.get(linear));
      }
    }
    taken = true;
    return arrival;
  }

  /** Stops the thread after the step under way, and frees what wasn't taken. */
  @Override
  public void close() {
    wanted = false;
    CancelledException.waitingUntil(() -> !thread.isAlive(), thread::join);
    device.ifPresent(WeightsAhead::close);
    if (!taken) {
      arrival.memory.close();
    }
  }

  /**
   * The weights of a block that were read ahead.
   *
   * @param memory owns the tensors' bytes, and may be asked for more; whoever takes the arrival
   *     closes it
   * @param tensors bytes in host memory, by the tensors' full names
   * @param weights weights on the device, by their modules' names
   */
  record Arrival(
      BlockMemory memory, Map<String, MemorySegment> tensors, Map<String, Weight> weights) {
    /** Creates it without a tensor. */
    Arrival(BlockMemory memory) {
      this(memory, new ConcurrentHashMap<>(), new HashMap<>());
    }
  }
}
