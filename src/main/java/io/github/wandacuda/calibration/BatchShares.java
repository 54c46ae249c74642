package io.github.wandacuda.calibration;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.GrowingMemory;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Divides the batches of a run over the devices that a decoder is on. A device keeps its share for
 * all blocks, and runs its batches one after the other.
 */
final class BatchShares implements AutoCloseable {
  private final List<Share> shares = new ArrayList<>();
  private final int samples;
  private final Workers workers;

  /** Holds the states of all samples in host memory, where no device has them all. */
  private final GrowingMemory gathered = new GrowingMemory();

  /**
   * Divides batches over the devices, and reserves memory for their hidden states.
   *
   * @param decoder on one device or several
   * @param batches all that run, at least one
   */
  BatchShares(Decoder decoder, List<SampleBatch> batches) {
    SampleBatch last = batches.getLast();
    samples = last.firstSample() + last.samples().size();
    List<Decoder> copies = decoder.copies();
    int count = Math.min(copies.size(), batches.size());
    workers = new Workers(count);
    OnFailure.run(
        this::close,
        () -> {
          for (int share = 0; share < count; share++) {
            int from = (int) ((long) batches.size() * share / count);
            int to = (int) ((long) batches.size() * (share + 1) / count);
            shares.add(Share.of(copies.get(share), batches.subList(from, to)));
          }
        });
  }

  /** Computes the states that the first block reads. */
  void embed(SampleProgress watcher) {
    each(
        null,
        watcher,
        (share, block, batch, at) -> share.runner().embed(batch, share.states(), at));
  }

  /**
   * Returns a sample's mean next-token negative log-likelihood, after the last block.
   *
   * @param ids its token ids
   * @return in nats
   */
  double meanLoss(int sample, int[] ids) {
    Share share = of(sample);
    int[] targets = Arrays.copyOfRange(ids, 1, ids.length);
    Tensor rows = share.runner().rows(targets.length);
    share.states().read(share.at((long) sample * ids.length), rows);
    return Arrays.stream(share.decoder().losses(rows, targets)).average().orElseThrow();
  }

  /**
   * A device and its batches.
   *
   * @param decoder the decoder on it
   * @param runner runs them
   * @param states their hidden states
   */
  record Share(Decoder decoder, BatchRunner runner, HiddenStates states, List<SampleBatch> batches)
      implements AutoCloseable {
    private static Share of(Decoder decoder, List<SampleBatch> batches) {
      long tokens = batches.stream().mapToLong(SampleBatch::tokens).sum();
      int most = mostTokens(batches);
      HiddenStates states = new HiddenStates(decoder.operations(), tokens, decoder.hiddenSize());
      BatchRunner runner = OnFailure.close(states::close, () -> new BatchRunner(decoder, most));
      return new Share(decoder, runner, states, batches);
    }

    /** Returns the tokens of the largest batch. */
    int mostTokens() {
      return mostTokens(batches);
    }

    private static int mostTokens(List<SampleBatch> batches) {
      return batches.stream().mapToInt(SampleBatch::tokens).max().orElseThrow();
    }

    /**
     * Returns where in this device's states those of a token are.
     *
     * @param token its number among those of all samples of the run
     */
    long at(long token) {
      return token - batches.get(0).firstToken();
    }

    @Override
    public void close() {
      runner.close();
      states.close();
    }
  }

  /** What is done with one batch on its device. */
  @FunctionalInterface
  interface Work {
    /**
     * Does it; called from the device's own thread.
     *
     * @param share the device, and its hidden states
     * @param block the block on that device, or null for work without one
     * @param at where the batch's states begin among the device's
     */
    void run(Share share, Block block, SampleBatch batch, long at);
  }

  /** Returns the device that a sample is on. */
  Share of(int sample) {
    return shares.reversed().stream()
        .filter(share -> share.batches().get(0).firstSample() <= sample)
        .findFirst()
        .orElseThrow();
  }

  /** Returns how many devices there are. */
  int count() {
    return shares.size();
  }

  /**
   * Returns the states of all samples in host memory, in the samples' order; valid as those of
   * {@link HiddenStates#all}.
   */
  MemorySegment states() {
    if (shares.size() == 1) {
      return shares.get(0).states().all();
    }
    long at = 0;
    for (Share share : shares) {
      MemorySegment some = share.states().all();
      MemorySegment.copy(some, 0, gathered(), at, some.byteSize());
      at += some.byteSize();
    }
    return gathered();
  }

  /**
   * Sets the states of all samples.
   *
   * @param filling writes them to the host memory that it is given, in the samples' order
   */
  void load(Consumer<MemorySegment> filling) {
    if (shares.size() == 1) {
      shares.get(0).states().load(filling);
      return;
    }
    filling.accept(gathered());
    long at = 0;
    for (Share share : shares) {
      MemorySegment some = gathered().asSlice(at, share.states().bytes());
      share.states().load(states -> states.copyFrom(some));
      at += some.byteSize();
    }
  }

  /** Returns host memory for the states of all samples, which are on several devices. */
  private MemorySegment gathered() {
    return gathered.exactly(shares.stream().mapToLong(share -> share.states().bytes()).sum());
  }

  /**
   * Does something with all batches, each on its device. If several batches fail, the failure of
   * the first of them is thrown, which is the one that a single device would come to.
   *
   * @param block the block on all devices, or null for work without one
   * @param watcher is told of the samples that are done
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted
   */
  void each(Block block, SampleProgress watcher, Work work) {
    Pass pass = new Pass(watcher);
    workers.run(
        shares.size(),
        (worker, share) ->
            pass.run(shares.get(share), block == null ? null : block.copies().get(share), work));
    RealCause.rethrow(pass.failure);
  }

  /** One pass over all batches. */
  private final class Pass {
    private final SampleProgress watcher;
    private int done;
    private int failed = Integer.MAX_VALUE;
    private Throwable failure;

    Pass(SampleProgress watcher) {
      this.watcher = watcher;
    }

    /**
     * Does the work with the batches of a device, until one fails or one before them has failed.
     */
    void run(Share share, Block block, Work work) {
      for (SampleBatch batch : share.batches()) {
        if (!isWanted(batch)) {
          return;
        }
        try {
          CancelledException.throwIfInterrupted();
          work.run(share, block, batch, share.at(batch.firstToken()));
          passed(batch);
        } catch (RuntimeException | Error e) {
          fail(e instanceof CancelledException ? -1 : batch.index(), e);
        }
      }
    }

    /**
     * Returns whether a batch still has to run. One before a batch that failed has to: if it fails
     * too, its failure is the one that is thrown.
     */
    private synchronized boolean isWanted(SampleBatch batch) {
      return batch.index() < failed;
    }

    private synchronized void passed(SampleBatch batch) {
      done += batch.samples().size();
      watcher.passed(done, samples);
    }

    private synchronized void fail(int batch, Throwable thrown) {
      if (batch < failed) {
        failed = batch;
        failure = thrown;
      }
    }
  }

  @Override
  public void close() {
    workers.close();
    shares.forEach(Share::close);
    gathered.close();
  }
}
