package io.github.wandacuda.parity;

import io.github.wandacuda.forward.Activation;
import java.util.stream.Stream;

/** A program that runs the parity tests of kernel files on CUDA and says whether they pass. */
final class ForwardOnCuda {
  static final int SAME = 0;
  static final int DIFFERENT = 10;

  private ForwardOnCuda() {}

  /**
   * Runs them.
   *
   * @param args the kernel files' names
   */
  public static void main(String[] args) {
    System.exit(Stream.of(args).allMatch(ForwardOnCuda::passes) ? SAME : DIFFERENT);
  }

  private static boolean passes(String kernel) {
    try {
      switch (kernel) {
        case "route" -> routing();
        case "second_moments" -> moments();
        case "attention_64" -> attention();
        case "linear_sparse" -> packed();
        case "linear_tensor", "linear_split" -> products();
        default -> decoderParts(kernel);
      }
      return true;
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      return false;
    }
  }

  private static void routing() {
    RoutingParity tests = new GpuParityCudaRoutingTest();
    tests.open();
    try {
      tests.expertsAndWeightsAgree(5, 8, 3);
      tests.equalOnesComeFromTheLowestOn();
    } finally {
      tests.close();
    }
  }

  private static void moments() {
    OperationsParity tests = new GpuParityCudaOperationsTest();
    tests.open();
    try {
      tests.secondMomentsAreTheSame(700, 150);
    } finally {
      tests.close();
    }
  }

  private static void packed() {
    OperationsParity tests = new GpuParityCudaOperationsTest();
    tests.open();
    try {
      tests.packedWeightsGiveTheSameBits(1, 9, 1300);
      tests.packedWeightsGiveTheSameBits(3, 8, 70);
    } finally {
      tests.close();
    }
  }

  private static void products() {
    GpuParityCudaPrecisionTest tests = new GpuParityCudaPrecisionTest();
    tests.productsAreThoseOfTheScalarCode(70, 40, 130);
    tests.productsAreThoseOfTheScalarCode(33, 130, 70);
  }

  private static void attention() {
    AttentionParity tests = new GpuParityCudaAttentionTest();
    tests.open();
    try {
      tests.windowsAgree(200, 1, 1, 16, 70);
      tests.hiddenKeysReachNoToken(7);
      tests.boundedScoresAgree(44, 4, 2, 8, 4);
      tests.biasesAgree(44, 4, 4, 8, 0.25f);
    } finally {
      tests.close();
    }
  }

  private static void decoderParts(String kernel) {
    DecoderPartsParity tests = new GpuParityCudaDecoderPartsTest();
    tests.open();
    try {
      switch (kernel) {
        case "layer_norm" -> tests.layerNormAgrees(3, 70);
        case "activate" -> tests.activationsGiveTheSameBits(Activation.GELU);
        case "elementwise" -> tests.scalingGivesTheSameBits(3, 85);
        case "rotate" -> tests.rotationOfAPartGivesTheSameBits(10, 2);
        case "gather_columns" -> tests.columnsAreGathered(8, 4, 12, 4);
        case "expert_rows" -> tests.rowsAreGatheredAndAdded(5, 7);
        default -> throw new IllegalArgumentException(kernel);
      }
    } finally {
      tests.close();
    }
  }
}
