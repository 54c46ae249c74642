package io.github.wandacuda.forward;

import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;

/** A program that runs tests of a kernel file on CUDA and says whether they pass. */
final class ForwardOnCuda {
  static final int SAME = 0;
  static final int DIFFERENT = 10;

  private ForwardOnCuda() {}

  /**
   * Runs them.
   *
   * @param args the kernel file's name
   */
  public static void main(String[] args) {
    System.exit(passes(args[0]) ? SAME : DIFFERENT);
  }

  private static boolean passes(String kernel) {
    try (OpenedBackend backend = new OpenedBackend(TestedBackend.CUDA)) {
      check(kernel, backend);
      return true;
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      return false;
    }
  }

  private static void check(String kernel, OpenedBackend backend) {
    switch (kernel) {
      case "layer_norm" -> new LayerNormTest(backend).rowsOfAnyLengthAndPlaceAgree(64, 0, 0);
      case "activate" -> new ActivateTest(backend).theWholeRangeGivesTheSameBits(Activation.GELU);
      case "elementwise" -> new ElementwiseTest(backend).softcapBoundsAndScaleMultiplies();
      case "rotate" -> new RotateTest(backend).rotationOfAPartLeavesTheRest();
      case "gather_columns" -> new GatherColumnsTest(backend).columnsOfGroupsComeTogether();
      case "expert_rows" -> new ExpertRowsTest(backend).rowsComeAndGoBackWeighed();
      case "route" -> new RouteTest(backend).theMostProbableExpertsAreChosen();
      case "second_moments" -> {
        SecondMomentsTest tests = new SecondMomentsTest(backend);
        tests.productsAreFusedAndSummedInRunsOf256Rows();
        tests.sumsThatCancelAreKept();
      }
      case "attention_64" -> {
        AttentionTest tests = new AttentionTest(backend);
        tests.windowsAgree(130, 1, 1, 8, 64);
        tests.biasesCanBeMinusInfinity(64, 0);
        tests.attentionSeesNothingBeforeItsWindow(20);
        tests.boundsAndBiasesAgree(33, 2, 1, 5, 0);
      }
      case "linear_sparse" -> {
        LinearSparseTest tests = new LinearSparseTest(backend);
        tests.everySizeAgrees(1, 9, 1025);
        tests.everySizeAgrees(3, 9, 33);
      }
      default -> {
        GpuParityCudaPrecisionTest tests = new GpuParityCudaPrecisionTest();
        tests.productsAreThoseOfTheScalarCode(70, 40, 130);
        tests.productsAreThoseOfTheScalarCode(33, 130, 70);
      }
    }
  }
}
