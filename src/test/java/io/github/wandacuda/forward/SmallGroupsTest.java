package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.pruning.LayerSparseGptTest;
import io.github.wandacuda.pruning.fit.RowAdmmTest;
import io.github.wandacuda.pruning.fit.RowFitTest;
import io.github.wandacuda.pruning.fit.RowSwapsTest;
import io.github.wandacuda.scalar.RandomCodes;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.io.File;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** OpenCL's kernels on devices that have no room for groups of 256 work-items. */
@BesideCuda
@Thorough
class SmallGroupsTest {
  /** A buffer that a linear layer's weight of 33 x 257 comes in pieces for, of any type. */
  static final long PIECE = 14_000;

  private static OpenedBackend open(int items, Set<String> read) {
    long localBytes = items == 256 ? 32 << 10 : 16 << 10;
    return new OpenedBackend(
        TestedBackend.OPENCL_TILES, FirstOpenCl.withGroups(items, localBytes, PIECE, read::add));
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 128})
  void everyKernelAgrees(int items) {
    Set<String> read = new ConcurrentSkipListSet<>();
    try (OpenedBackend opened = open(items, read)) {
      new LinearTest(opened).everySizeAgrees(4, 17, 257);
      new LinearTest(opened).everySizeAgrees(13, 33, 257);
      new LinearTest(opened).everySizeAgrees(98, 130, 300);
      new LinearSparseTest(opened).everySizeAgrees(3, 9, 33);
      new LinearSparseTest(opened).everySizeAgrees(9, 20, 70);
      new WidenCodesTest(opened).everyShapeAgrees(RandomCodes.NVFP4);
      new WidenCodesTest(opened).everyNumberOfTokensAgrees(2, 17, 300);
      new AttentionTest(opened).everySizeAgrees(2, 67, 4, 2, 300, 0);
      new AttentionTest(opened).allAtOnceAgree(140, 2, 1, 80, 33, 4, -0.2f, 0);
      new AttentionTest(opened).lastQueriesGetWhatTheyGetAmongAll(70, 9, 2, 2, 20, 2, 0);
      new EmbedTest(opened).embedWidensExactly(17, 256, 9);
      new RmsNormTest(opened).theResultMayBeTheInput(33, 4097);
      new LayerNormTest(opened).theResultMayBeTheInput(33, 4097);
      new RotateTest(opened).headsOfAnySizeAndPlaceGiveTheSameBits(3, 17, 4, 80, 10, 0);
      new ActivateTest(opened).theWholeRangeGivesTheSameBits(Activation.GELU);
      new ElementwiseTest(opened).edgesHaveTheSameBitsAtAnyPlace(31, 1031, 0);
      new GatherColumnsTest(opened)
          .groupsOfAnySizeAndPlaceHaveTheSameBits(3, 900, 1, 257, 300, 3, 0);
      new ConvolveTest(opened).everySizeGivesTheSameBits(2, 7, 4, 3, 300);
      new DeltaRuleTest(opened).everySizeGivesTheSameBits(2, 5, 2, 6, 9, 300);
      new ExpertRowsTest(opened).manyRowsAreGatheredAndAdded(40, 81, 1030);
      new RouteTest(opened).anyNumberOfExpertsGivesTheSameBits(17, 60, 4);
      new ColumnSquaresTest(opened).rowsOfAnyNumberAndPlaceGiveTheSameSums(33, 257, 0);
      new ColumnSquaresTest(opened).rowsOfAnyNumberAndPlaceGiveTheSameSums(3000, 7, 0);
      new SecondMomentsTest(opened).rowsOfAnyNumberAndPlaceGiveTheSameMoments(257, 67, 0);
      new CrossEntropyTest(opened).anyNumberOfRowsAgrees(17, 1000);
      new RowFitTest(opened).everySizeGivesTheSameBits(17, 33);
      // Their second moments don't fit on the device: rows are worked on in host memory.
      new RowFitTest(opened).everySizeGivesTheSameBits(17, 130);
      new RowAdmmTest(opened).everySizeGivesTheSameBits(17, 33, "0.5");
      new RowAdmmTest(opened).everySizeGivesTheSameBits(17, 36, "2:4");
      new LayerSparseGptTest(opened).everySizeGivesTheSameBits(17, 33, "0.5");
      new LayerSparseGptTest(opened).everySizeGivesTheSameBits(17, 36, "2:4");
      new RowSwapsTest(opened).everySizeGivesTheSameMasks(5, 315);
      new RowSwapsTest(opened).everySizeGivesTheSameMasks(17, 33);
      new RowSwapsTest(opened).everyGroupGivesTheSameMasks(9, 40, 2);
    }
    assertThat(read)
        .contains(
            new File("kernels/forward")
                .list((folder, name) -> name.matches(".*(?<!_vectors)[.]cl")));
  }

  /** Attention of whole sequences has no order of its sums in common with the CPU. */
  @Test
  void attentionIsTheSameInGroupsOfAllSizes() {
    int[] expected = attention(256);
    assertThat(attention(128)).isEqualTo(expected);
    assertThat(attention(64)).isEqualTo(expected);
  }

  private static int[] attention(int items) {
    Samples samples = new Samples(3);
    AttentionShape shape = new AttentionShape(150, 0, 2, 1, 48, 0.25f, 2f, 20);
    try (OpenedBackend opened = open(items, new ConcurrentSkipListSet<>());
        Operands operands = new Operands(opened.operations().getFirst())) {
      Tensor q = operands.in(samples.tensor(150, 96));
      Tensor k = operands.in(samples.tensor(150, 48));
      Tensor v = operands.in(samples.tensor(150, 48));
      Tensor out = operands.out(150, 96);
      operands.operations().attention(q, k, v, shape, null, out);
      return Samples.bits(operands.values(out));
    }
  }
}
