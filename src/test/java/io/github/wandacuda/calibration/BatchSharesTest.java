package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches on several devices, here processors, come to what they come to on one. */
class BatchSharesTest {
  private static final int LENGTH = 512;

  /** Five batches, the last one of a single sample. */
  private static final List<int[]> SAMPLES =
      IntStream.range(0, 17)
          .mapToObj(sample -> IntStream.range(0, LENGTH).map(at -> (at + sample) % 50).toArray())
          .toList();

  @FunctionalInterface
  private interface Work {
    void on(Decoder decoder);
  }

  private static void on(int devices, Work work) {
    List<Backend> backends = new ArrayList<>();
    try (ModelDirectory model =
        ModelDirectory.open(TestData.fixture("llama-gqa").resolve("model"))) {
      for (int device = 0; device < devices; device++) {
        backends.add(Pruning.cpu(1));
      }
      try (Decoder decoder =
          DecoderFamilies.open(model, backends.stream().map(Backend::operations).toList())) {
        work.on(decoder);
      }
    } finally {
      backends.forEach(Backend::close);
    }
  }

  private static BlockwiseRun run(Decoder decoder) {
    return new BlockwiseRun(decoder, SAMPLES);
  }

  /** Returns all norms, and the states at the end. */
  private static Map<String, List<Float>> everything(int devices) {
    Map<String, List<Float>> all = new HashMap<>();
    on(
        devices,
        decoder -> {
          try (BlockwiseRun run = run(decoder)) {
            for (int index = 0; index < decoder.blocks(); index++) {
              try (Block block = decoder.block(index)) {
                run.observe(block, null)
                    .norms()
                    .forEach((module, norms) -> all.put(module, boxed(norms)));
                run.advance(block);
              }
            }
            all.put("states", boxed(run.states().toArray(ValueLayout.JAVA_FLOAT)));
          }
        });
    return all;
  }

  private static List<Float> boxed(float[] values) {
    List<Float> boxed = new ArrayList<>();
    for (float value : values) {
      boxed.add(value);
    }
    return boxed;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 7})
  @FirstCases(1)
  void anyNumberOfDevicesGivesTheSameBits(int devices) {
    assertThat(everything(devices)).isEqualTo(everything(1));
  }

  @Test
  void eachDeviceHasItsShare() {
    on(
        2,
        decoder -> {
          try (BatchShares shares =
              new BatchShares(decoder, SampleBatch.of(SAMPLES, decoder.batchTokens()))) {
            Map<BatchRunner, Set<Integer>> found = Collections.synchronizedMap(new HashMap<>());
            shares.each(
                null,
                SampleProgress.NONE,
                (share, block, batch, at) ->
                    found
                        .computeIfAbsent(share.runner(), first -> new HashSet<>())
                        .add(batch.index()));
            assertThat(found.values()).containsExactlyInAnyOrder(Set.of(0, 1), Set.of(2, 3, 4));
          }
        });
  }

  @Test
  void savedStatesAreGivenBackToEachDevice() {
    on(
        3,
        decoder -> {
          try (BlockwiseRun run = run(decoder);
              BlockwiseRun resumed =
                  new BlockwiseRun(decoder, SAMPLES, states -> states.copyFrom(run.states()));
              Block block = decoder.block(0)) {
            assertThat(resumed.states().mismatch(run.states())).isEqualTo(-1);
            run.advance(block);
            resumed.advance(block);
            assertThat(resumed.states().mismatch(run.states())).isEqualTo(-1);
            for (int sample = 0; sample < SAMPLES.size(); sample++) {
              assertThat(resumed.meanLoss(sample)).isEqualTo(run.meanLoss(sample));
            }
          }
        });
  }

  @Test
  void lossesAreThoseOfOneDevice() {
    List<List<Double>> losses = new ArrayList<>();
    for (int devices : new int[] {1, 3}) {
      on(
          devices,
          decoder -> {
            try (BlockwiseRun run = run(decoder)) {
              losses.add(IntStream.range(0, SAMPLES.size()).mapToObj(run::meanLoss).toList());
            }
          });
    }
    assertThat(losses.get(1)).isEqualTo(losses.get(0));
  }

  private static void fail(int devices, BatchShares.Work work) {
    on(
        devices,
        decoder -> {
          try (BatchShares shares =
              new BatchShares(decoder, SampleBatch.of(SAMPLES, decoder.batchTokens()))) {
            shares.each(null, SampleProgress.NONE, work);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void theFirstBatchThatFailsIsSaid(int devices) {
    assertThatThrownBy(
            () ->
                fail(
                    devices,
                    (share, block, batch, at) -> {
                      if (batch.index() > 0) {
                        throw new IllegalStateException("batch " + batch.index());
                      }
                    }))
        .hasMessage("batch 1");
  }

  @Test
  void anInterruptEndsThePass() {
    Thread caller = Thread.currentThread();
    assertThatThrownBy(() -> fail(1, (share, block, batch, at) -> caller.interrupt()))
        .isInstanceOf(CancelledException.class);
    boolean unused = Thread.interrupted();
  }
}
