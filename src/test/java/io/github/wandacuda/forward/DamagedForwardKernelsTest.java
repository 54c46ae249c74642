package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.pruning.LayerSparseGptTest;
import io.github.wandacuda.pruning.fit.RowAdmmTest;
import io.github.wandacuda.pruning.fit.RowFitTest;
import io.github.wandacuda.pruning.fit.RowSwapsTest;
import io.github.wandacuda.scalar.RandomCodes;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The tests of operations notice a kernel that is wrong in one place, so it is kernels that they
 * look at. With sound kernels each of them passes in its own class.
 */
@Tag("gpu")
@Thorough
class DamagedForwardKernelsTest {
  /**
   * A place in a kernel's source, what it is changed to, and the test that has to notice. Kernels
   * run in this JVM, so none may read far beyond its memory.
   */
  enum Damage {
    ROWS_REACH("row_fit.cl", "j != row", "j > row", Damage::rowSwaps),
    ROWS_SIDE("row_fit.cl", "== side", "!= side", Damage::rowFit),
    ROWS_ORDER("lane_sum.cl", "lane + width", "lane + LANES / 2", Damage::rowFit),
    ROWS_DIRECTION("row_fit.cl", "fma(beta,", "fma(0.0,", Damage::rowFit),
    ROWS_STEP("row_fit.cl", "fma(-alpha", "fma(alpha", Damage::rowFit),
    ROWS_END("row_fit.cl", "0.99 * CONST", "1.01 * CONST", Damage::rowSolved),
    ROWS_EXACT("row_fit.cl", "2.0 * (double)weights[c]", "(double)weights[c]", Damage::rowSolved),
    ROWS_GAIN("row_swaps.cl", "LEAST_GAIN 1e-6", "LEAST_GAIN 0.1", Damage::rowSwaps),
    ROWS_LOOKS("row_swaps.cl", "columns + 1", "columns - 20", Damage::rowLongRows),
    ROWS_FALL("row_swaps.cl", "+ of.fall", "- of.fall", Damage::rowLongRows),
    ROWS_TIES("row_swaps.cl", "at < shared", "at > shared", Damage::rowTies),
    ROWS_AGAIN("row_swaps.cl", "ROUNDED * scale ? 2", "ROUNDED * scale ? 1", Damage::rowVanishing),
    ROWS_PAIRS(
        "row_swaps.cl",
        "other = k + 1; other < end",
        "other = k + 2; other < end",
        Damage::rowGroups),
    CUDA_ROWS_ORDER(
        "row_fit", "row_lanes.cuh", "sum, width, LANES", "sum, 8, LANES", Damage::rowFit),
    CUDA_ROWS_STEP("row_fit.cu", "fma(-alpha", "fma(alpha", Damage::rowFit),
    CUDA_ROWS_END("row_fit.cu", "0.99 * errors", "1.01 * errors", Damage::rowSolved),
    CUDA_ROWS_LOOKS("row_swaps.cu", "columns + 1", "columns - 20", Damage::rowLongRows),
    CUDA_ROWS_TIES("row_swaps.cu", "b.column < a.column", "b.column > a.column", Damage::rowTies),
    CUDA_ROWS_AGAIN(
        "row_swaps.cu", "< ROUNDED * scale", "< -ROUNDED * scale", Damage::rowVanishing),
    CUDA_ROWS_PAIRS(
        "row_swaps.cu",
        "other = k + 1; other < end",
        "other = k + 2; other < end",
        Damage::rowGroups),
    ADMM_SCALE("row_admm.cl", "sqrt((double)", "((double)", Damage::admm),
    ADMM_DEAD("row_admm.cl", "scale == 0.0", "scale == -1.0", Damage::admm),
    ADMM_INPUT("row_admm.cl", ": -(value * fall)", ": value * fall", Damage::admm),
    ADMM_DUAL("row_admm.cl", "[i] + dual", "[i]", Damage::admm),
    ADMM_THRESHOLD("row_admm.cl", "<= threshold", "< threshold", Damage::admm),
    ADMM_TIES("row_admm.cl", "other < c)", "other > c)", Damage::admmTies),
    SPARSE_GPT_SCORE(
        "sparse_gpt.cl", "/ (diagonal * diagonal)", "* (diagonal * diagonal)", Damage::sparseGpt),
    SPARSE_GPT_DEAD("sparse_gpt.cl", "dead[c] != 0.0f || own", "own", Damage::sparseGptTies),
    SPARSE_GPT_THRESHOLD("sparse_gpt.cl", "own <= thr", "own < thr", Damage::sparseGpt),
    SPARSE_GPT_TIES("sparse_gpt.cl", "other < c)", "other > c)", Damage::sparseGptTies),
    SPARSE_GPT_CHANGE(
        "sparse_gpt.cl", "change[column % 2],", "left[column / 2],", Damage::sparseGpt),
    SPARSE_GPT_ADD("sparse_gpt.cl", "+= CONST_POINTER", "-= CONST_POINTER", Damage::sparseGpt),
    CUDA_ADMM_SCALE("row_admm.cu", "return sqrt(", "return (", Damage::admm),
    CUDA_ADMM_DUAL("row_admm.cu", "0.0f : value * fall)", "0.0f : value)", Damage::admm),
    CUDA_ADMM_THRESHOLD("row_admm.cu", "<= threshold", "< threshold", Damage::admm),
    CUDA_ADMM_TIES("row_admm.cu", "other < c)", "other > c)", Damage::admmTies),
    CUDA_SPARSE_GPT_DEAD("sparse_gpt.cu", "dead[c] != 0 || own", "own", Damage::sparseGptTies),
    CUDA_SPARSE_GPT_THRESHOLD("sparse_gpt.cu", "own <= thr", "own < thr", Damage::sparseGpt),
    CUDA_SPARSE_GPT_TIES("sparse_gpt.cu", "other < c)", "other > c)", Damage::sparseGptTies),
    CUDA_SPARSE_GPT_CHANGE("sparse_gpt.cu", "next += threads", "next += 1", Damage::sparseGpt),
    CUDA_SPARSE_GPT_ADD("sparse_gpt.cu", "+= terms", "-= terms", Damage::sparseGpt),
    EMBED("embed.cl", "row < rows", "row < rows - 1", Damage::embed),
    WIDENING("widen.cl", "0x1p112f", "0x1p111f", Damage::embed),
    EPSILON("rms_norm.cl", "mean + epsilon", "mean - epsilon", Damage::norm),
    LANES("lane_sum.cl", "lane < width", "lane < width - 1", Damage::norm),
    MEAN("layer_norm.cl", "[c + lane] - mean", "[c + lane]", Damage::layerNorm),
    BIAS("layer_norm.cl", "bias == 0", "bias != 0", Damage::layerNorm),
    ADDITION("elementwise.cl", "+ CONST_POINTER", "- CONST_POINTER", Damage::add),
    ROTATION("rotate.cl", "a * c - b * s", "a * c + b * s", Damage::rotate),
    PART("rotate.cl", "at[distance]", "at[head_size / 2]", Damage::rotate),
    NEIGHBOURS("rotate.cl", "i * step", "i", Damage::rotateNeighbours),
    FIRST("rotate.cl", "head_size + first", "head_size", Damage::rotateNeighbours),
    GAINS("layer_norm.cl", "row % gain_rows", "row / gain_rows", Damage::gains),
    CLAMP("elementwise.cl", "value > high", "value > low", Damage::clamp),
    XIELU("elementwise.cl", "1.0f - value", "1.0f + value", Damage::xielu),
    SQUARED("activate.cl", "0.0f : x * x", "0.0f : x", of(Activation.RELU_SQUARED)),
    FACTOR("elementwise.cl", "* factor", "+ factor", Damage::scale),
    CAP("elementwise.cl", "[i] / cap", "[i]", Damage::scale),
    TANH("tanh.cl", "1.33314422036e-1f", "1.33314e-1f", Damage::softcap),
    SMALL("tanh.cl", "size < 0.625f", "size < 0.5f", Damage::softcap),
    SILU("activate.cl", "exponential(-x)", "exponential(x)", of(Activation.SILU)),
    QUICK("activate.cl", "1.702f", "1.70f", of(Activation.QUICK_GELU)),
    CUBIC("activate.cl", "0.044715f", "0.0447f", of(Activation.GELU_TANH)),
    GELU("activate.cl", "1.0f - tail", "tail", of(Activation.GELU)),
    RELU("activate.cl", "x < 0.0f ? 0.0f", "x < 1.0f ? 0.0f", of(Activation.RELU)),
    GATE("activate.cl", "activated * CONST", "activated + CONST", of(Activation.RELU)),
    TAIL("normal_tail.cl", "0x1.e9c47ep-4f", "0x1.e9c4p-4f", of(Activation.GELU)),
    POLYNOMIAL("exponential.cl", "0x1.11121p-7f", "0x1.12p-7f", of(Activation.SILU)),
    GROUPS("gather_columns.cl", "/ width * from_stride", "/ width * width", Damage::gatherColumns),
    PLACED_GROUPS(
        "gather_columns.cl", "/ width * to_stride", "/ width * width", Damage::placeColumns),
    CONVOLVED("convolve.cl", "kernel_size - 1", "kernel_size", Damage::convolve),
    CONVOLVED_START("convolve.cl", "max(0, -first)", "0", Damage::convolve),
    DELTA_ORDER(
        "delta_rule.cl",
        "own[(long)i * columns] = value;\n        expected",
        "expected",
        Damage::delta),
    DELTA_HEADS("delta_rule.cl", "head / (heads / key_heads)", "head % key_heads", Damage::delta),
    ROWS("expert_rows.cl", "place * columns + column];", "row * columns + column];", Damage::rows),
    ADDED_ROWS("expert_rows.cl", "factor * CONST", "CONST", Damage::rows),
    EXPERTS("route.cl", "expert < other", "expert > other", Damage::route),
    ROUNDS("route.cl", "last = best", "last = -1", Damage::route),
    PROBABILITY("route.cl", "token->highest) / token->sum", "token->highest)", Damage::route),
    RENORMALIZED("route.cl", "weight / divisor", "weight * divisor", Damage::route),
    CORRECTION("route.cl", "value + token->correction[expert]", "value", Damage::correction),
    EXPERT_GROUPS("route.cl", "number(first + second)", "first", Damage::groups),
    NEAR("route.cl", "> threshold", "< threshold", Damage::sparseMixer),
    SQUARES_RUN("column_squares.cl", "define RUN 32", "define RUN 64", Damage::squares),
    LOW_SUM("exact_sum.cl", "sum.y + (", "sum.y - (", Damage::manySquares),
    MOMENTS_RUN("second_moments.cl", "RUN 256", "RUN 128", Damage::momentsOfRuns),
    MOMENTS_END("second_moments.cl", "next >= last", "next > last", Damage::momentsOfHalfARun),
    MOMENTS_DIAGONAL("second_moments.cl", "i <= j + k", "i < j + k", Damage::moments),
    MOMENTS_ROW("second_moments.cl", "(i - 1) / 2", "(i + 1) / 2", Damage::moments),
    HIGHEST("cross_entropy.cl", "logit > highest", "logit < highest", Damage::loss),
    TILES_CAUSALITY("attention_tiles.cl", "distance >= 0", "distance > 0", Damage::attention),
    TILES_SCORES(
        "attention_tiles.cl", "sees(place - key - 2", "sees(place - key", Damage::attention),
    TILES_WINDOW("attention_tiles.cl", "< window", "<= window", Damage::attention),
    TILES_START("attention_tiles.cl", "/ TILE * TILE", "/ TILE * TILE + TILE", Damage::attention),
    TILES_SOFTCAP("attention_tiles.cl", "scores /= softcap", "scores *= 1.0f", Damage::attention),
    TILES_BIAS("attention_tiles.cl", "biases[key + 3]", "biases[key]", Damage::attention),
    TILES_FACTOR("attention_tiles.cl", "before - highest", "highest - before", Damage::attention),
    VECTORS_CAUSALITY("attention_vectors.cl", "lane < key", "lane <= key", Damage::attention),
    VECTORS_WINDOW(
        "attention_vectors.cl", "lane >= key + window", "lane > key + window", Damage::attention),
    VECTORS_START("attention_vectors.cl", "- window + 1)", "- window + 2)", Damage::attention),
    VECTORS_SOFTCAP("attention_vectors.cl", "score / softcap", "score", Damage::attention),
    VECTORS_BIAS("attention_vectors.cl", "score + bias", "score", Damage::attention),
    VECTORS_FACTOR("attention_vectors.cl", "before - top", "top - before", Damage::attention),
    VECTORS("linear_vectors.cl", "fma(value, b,", "fma(value, a,", Damage::linear),
    VECTORS_RUN("linear_vectors.cl", "RUN 256", "RUN 128", Damage::linear),
    TILES("linear_tiles.cl", "next >= columns", "next > columns", Damage::narrowLinear),
    TILES_RUN("linear_tiles.cl", "RUN 256", "RUN 128", Damage::linear),
    SPARSE_PLACES("linear_sparse.cl", "(1u << lane) - 1u", "(2u << lane) - 1u", Damage::sparse),
    SPARSE_WORDS(
        "linear_sparse.cl",
        "next += popcount(word)",
        "next += popcount(word >> 1)",
        Damage::sparse),
    SPARSE_BYTES("linear_sparse.cl", "<< 8 * i : 0u", "<< 4 * i : 0u", Damage::sparse),
    SPARSE_ORDER(
        "linear_sparse.cl",
        "width = LANES / 2; width > 0; width /= 2",
        "width = 1; width > 0; width = 0",
        Damage::sparse),
    SPARSE_TOKEN("linear_sparse.cl", "min(t, tokens - 1)", "0", Damage::sparse),
    SPARSE_FEATURE(
        "linear_sparse.cl",
        "int own = min(feature, features - 1)",
        "int own = min(feature, features - 2)",
        Damage::sparse),
    UNPACKED_END(
        "linear_sparse.cl",
        "first + lane < columns",
        "first + lane + 1 < columns",
        Damage::unpacked),
    CODES_BYTES("codes.cl", "shift + w.bits > 8", "shift > 8", Damage::codes),
    CODES_POWER("codes.cl", "0x1p126f", "0x1p125f", Damage::smallNumbers),
    CODES_SMALLEST("codes.cl", "code == 0u", "code == 300u", Damage::powers),
    CODES_BLOCKS("codes.cl", "(w.first_row + row)", "row", Damage::codes),
    CODES_ZEROS("codes.cl", ": w.zeros[index]", ": 0", Damage::codes),
    CODES_GROUPS("codes.cl", ": w.group_of[column]", ": w.group_of[0]", Damage::codes),
    QUOTIENT_TIES("codes.cl", "(kept & 1u) != 0", "false", Damage::quotients),
    QUOTIENT_REST("codes.cl", "rest != 0", "false", Damage::quotients),
    QUOTIENT_SMALL("codes.cl", "1 - raised", "0 - raised", Damage::quotients),
    QUOTIENT_LARGE("codes.cl", "exponent > 253", "exponent > 254", Damage::quotients),
    CUDA_CODES_BYTES("widen_codes", "codes.cuh", "shift + w.bits > 8", "shift > 8", Damage::codes),
    CUDA_CODES_POWER("widen_codes", "codes.cuh", "0x1p120f", "0x1p119f", Damage::blocks),
    CUDA_CODES_SMALLEST("widen_codes", "codes.cuh", "code == 0u", "code == 300u", Damage::powers),
    CUDA_CODES_BLOCKS("widen_codes", "codes.cuh", "(w.firstRow + row)", "row", Damage::codes),
    CUDA_CODES_QUOTIENT(
        "widen_codes",
        "codes.cuh",
        "__fdiv_rn(product, w.factor)",
        "product * __fdiv_rn(1.0f, w.factor)",
        Damage::quotients),
    CUDA_FEW_CODES("linear_codes.cu", "column >= next", "next == 0", Damage::fewTokens),
    CUDA_LAYER_NORM(
        "layer_norm.cu", "value - mean) * factor", "value + mean) * factor", Damage::longRows),
    CUDA_GELU("activate.cu", "x < 0.0f ? tail", "x > 0.0f ? tail", of(Activation.GELU)),
    CUDA_TAIL("activate", "normal_tail.cuh", "-0x1.4514ecp-4f", "-0x1.45p-4f", of(Activation.GELU)),
    CUDA_TANH("elementwise", "tanh.cuh", "1.0f - __fdiv_rn", "1.0f + __fdiv_rn", Damage::scale),
    CUDA_ROTATION("rotate.cu", "return u - v", "return u + v", Damage::rotatePart),
    CUDA_GROUPS("gather_columns.cu", "group * fromStride", "group * width", Damage::gatherColumns),
    CUDA_PLACED_GROUPS(
        "gather_columns.cu", "group * toStride", "group * width", Damage::placeColumns),
    CUDA_CONVOLVED("convolve.cu", "token - (kernel - 1)", "token - kernel", Damage::convolve),
    CUDA_CONVOLVED_START("convolve.cu", "first < 0 ? -first : 0", "0", Damage::convolve),
    CUDA_DELTA_DECAY("delta_rule.cu", "= kept;", "= kept / decay;", Damage::delta),
    CUDA_DELTA_HEADS(
        "delta_rule.cu", "head / (heads / keyHeads)", "head % keyHeads", Damage::delta),
    CUDA_NEIGHBOURS("rotate.cu", "? 2 * i", "? i", Damage::rotateNeighbours),
    CUDA_FIRST("rotate.cu", "size + first", "size", Damage::rotateNeighbours),
    CUDA_GAINS("layer_norm.cu", "% gainRows", "/ gainRows", Damage::gains),
    CUDA_CLAMP("elementwise.cu", "a > high", "a > low", Damage::clamp),
    CUDA_XIELU("elementwise.cu", "1.0f - a", "1.0f + a", Damage::xielu),
    CUDA_SQUARED("activate.cu", "0.0f : x * x", "0.0f : x", of(Activation.RELU_SQUARED)),
    CUDA_ADDITION("expert_rows.cu", "sum + factor", "sum - factor", Damage::rows),
    CUDA_MOMENTS_RUN("second_moments.cu", "RUN = 256", "RUN = 512", Damage::allMoments),
    CUDA_DIAGONAL("second_moments.cu", "row <= column &&", "row < column &&", Damage::allMoments),
    CUDA_LOWER_TILES(
        "second_moments.cu",
        "tile.column < tile.row",
        "tile.column <= tile.row",
        Damage::allMoments),
    CUDA_EXPERTS("route.cu", "candidate < chosen", "candidate <= chosen", Damage::route),
    CUDA_CORRECTION("route.cu", "value + correction[expert]", "value", Damage::correction),
    CUDA_EXPERT_GROUPS("route.cu", "first + second", "first", Damage::groups),
    CUDA_NEAR("route.cu", "> threshold", "< threshold", Damage::sparseMixer),
    CUDA_WINDOW(
        "attention_64",
        "attention.cuh",
        "<unsigned>(problem.w",
        "<unsigned>(1 + problem.w",
        Damage::attentionOf64),
    CUDA_TILES(
        "attention_64",
        "attention.cuh",
        "/ KEYS * KEYS; first",
        "/ KEYS * KEYS + KEYS; first",
        Damage::attentionOf64),
    CUDA_WHOLE(
        "attention_64",
        "attention.cuh",
        ">= firstQuery + QUERIES<SLOTS>",
        ">= firstQuery",
        Damage::attentionOf64),
    CUDA_NOTHING_SEEN(
        "attention_64",
        "attention.cuh",
        "top == -INFINITY ? 0.0f",
        "false ? 0.0f",
        Damage::attentionOf64),
    CUDA_BOUND(
        "attention_64",
        "attention.cuh",
        "problem.cap > 0.0f",
        "problem.cap < 0.0f",
        Damage::attentionOf64),
    CUDA_BIAS(
        "attention_64",
        "attention.cuh",
        "scores[i][j] += bias",
        "scores[i][j] -= bias",
        Damage::attentionOf64),
    CUDA_PARTS(
        "linear_tensor",
        "linear_tensor.cuh",
        "Block::PARTS * token",
        "token",
        Damage::tensorProducts),
    CUDA_LOW_PART(
        "linear_tensor",
        "linear_tensor.cuh",
        "part = Block::PARTS - 1; part >= 0; part--",
        "part = 0; part >= 0; part--",
        Damage::tensorProducts),
    CUDA_STEPS(
        "linear_tensor",
        "linear_tensor.cuh",
        "addProduct(products[i]",
        "addProduct(sums[i][j]",
        Damage::smallTerms),
    CUDA_PLACES(
        "linear_tensor",
        "linear_tensor.cuh",
        "row * SLICE + (piece",
        "row % 64 * SLICE + (piece",
        Damage::tensorProducts),
    CUDA_WEIGHTS_END(
        "linear_tensor",
        "linear_tensor.cuh",
        "min(8, problem.columns",
        "min(8, problem.columns - 1",
        Damage::tensorProducts),
    CUDA_WEIGHT_SCALE(
        "linear_tensor",
        "linear_tensor.cuh",
        "inverse, problem.weightInverses == nullptr ? 1.0f : problem.weightInverses[o]",
        "inverse, problem.weightInverses == nullptr ? 1.0f : problem.weightInverses[0]",
        Damage::bfloatProducts),
    CUDA_SCALES_ORDER(
        "linear_tensor",
        "linear_scales.cuh",
        "inverse < weightInverse",
        "inverse > weightInverse",
        Damage::extremeRows),
    CUDA_ROUNDING(
        "linear_split.cu", "0xfffu + (magnitude >> 13 & 1u)", "0u", Damage::tensorProducts),
    CUDA_SCALE(
        "linear_split.cu",
        "(254 - exponent) << 23",
        "(253 - exponent) << 23",
        Damage::tensorProducts),
    CUDA_PACKED_PLACES(
        "linear_sparse.cu", "(1u << lane) - 1u", "(2u << lane) - 1u", Damage::packed),
    CUDA_PACKED_COUNTS("linear_sparse.cu", "lane >= distance", "lane > distance", Damage::packed),
    CUDA_PACKED_PIECES(
        "linear_sparse.cu", "through, WARP - 1)", "through, WARP - 2)", Damage::packed),
    CUDA_PACKED_BYTES("linear_sparse.cu", "<< 8 * i : 0u", "<< 4 * i : 0u", Damage::packed),
    CUDA_PACKED_ORDER(
        "linear_sparse.cu",
        "width = WARP / 2; width > 0; width /= 2",
        "width = 1; width < WARP; width *= 2",
        Damage::packed),
    CUDA_PACKED_TOKENS("linear_sparse.cu", "t < tokens ? t : tokens - 1", "0", Damage::packed);

    private final String kernel;
    private final String file;
    private final String sound;
    private final String damaged;
    private final Consumer<OpenedBackend> test;

    Damage(String file, String sound, String damaged, Consumer<OpenedBackend> test) {
      this(file.replaceFirst("\\..*", ""), file, sound, damaged, test);
    }

    /** In a file that a CUDA kernel's includes. */
    Damage(String kernel, String file, String sound, String damaged, Consumer<OpenedBackend> test) {
      this.kernel = kernel;
      this.file = file;
      this.sound = sound;
      this.damaged = damaged;
      this.test = test;
    }

    private static void rowFit(OpenedBackend on) {
      new RowFitTest(on).everySizeGivesTheSameBits(17, 33);
    }

    private static void rowSolved(OpenedBackend on) {
      new RowFitTest(on).rowsThatAreSolvedGiveTheSameBits();
    }

    private static void rowSwaps(OpenedBackend on) {
      new RowSwapsTest(on).everySizeGivesTheSameMasks(17, 33);
    }

    private static void rowLongRows(OpenedBackend on) {
      new RowSwapsTest(on).everySizeGivesTheSameMasks(5, 700);
    }

    private static void rowGroups(OpenedBackend on) {
      new RowSwapsTest(on).everyGroupGivesTheSameMasks(17, 64, 4);
    }

    private static void rowTies(OpenedBackend on) {
      new RowSwapsTest(on).tiesGiveTheSameMasks();
    }

    private static void rowVanishing(OpenedBackend on) {
      new RowSwapsTest(on).errorsThatVanishGiveTheSameMasks();
    }

    private static void admm(OpenedBackend on) {
      new RowAdmmTest(on).everySizeGivesTheSameBits(17, 33, "0.5");
    }

    private static void admmTies(OpenedBackend on) {
      new RowAdmmTest(on).equalWeightsGiveTheSameBits();
    }

    private static void sparseGpt(OpenedBackend on) {
      new LayerSparseGptTest(on).everySizeGivesTheSameBits(9, 129, "0.5");
    }

    private static void sparseGptTies(OpenedBackend on) {
      new LayerSparseGptTest(on).equalScoresGiveTheSameBits();
    }

    private static void embed(OpenedBackend on) {
      new EmbedTest(on).rowsAreLookedUp(DType.F16);
    }

    private static void norm(OpenedBackend on) {
      new RmsNormTest(on).everyWidthAgrees();
    }

    private static void layerNorm(OpenedBackend on) {
      new LayerNormTest(on).everyWidthAgrees();
    }

    private static void add(OpenedBackend on) {
      new ElementwiseTest(on).addAdds();
    }

    private static void rotate(OpenedBackend on) {
      new RotateTest(on).headsOfAnySizeAndPlaceGiveTheSameBits(2, 3, 5, 6, 1, 0);
    }

    private static void rotateNeighbours(OpenedBackend on) {
      new RotateTest(on).neighboursAreTurnedFromTheFirstFeatureOn();
    }

    private static void gains(OpenedBackend on) {
      new LayerNormTest(on).rowsTakeTheGainsInTurn();
    }

    private static void clamp(OpenedBackend on) {
      new ElementwiseTest(on).clampBounds();
    }

    private static void xielu(OpenedBackend on) {
      new ElementwiseTest(on).xieluFollowsItsFormula();
    }

    private static void scale(OpenedBackend on) {
      new ElementwiseTest(on).softcapBoundsAndScaleMultiplies();
    }

    private static void softcap(OpenedBackend on) {
      new ElementwiseTest(on).boundsOverTheWholeRangeHaveTheSameBits(1);
    }

    private static Consumer<OpenedBackend> of(Activation activation) {
      return on -> new ActivateTest(on).theWholeRangeGivesTheSameBits(activation);
    }

    private static void gatherColumns(OpenedBackend on) {
      new GatherColumnsTest(on).columnsOfGroupsComeTogether();
    }

    private static void placeColumns(OpenedBackend on) {
      new GatherColumnsTest(on).groupsAreLaidWhereTheyBelong();
    }

    private static void convolve(OpenedBackend on) {
      new ConvolveTest(on).eachTokenSeesTheLastOnesOfItsSequence();
    }

    private static void delta(OpenedBackend on) {
      new DeltaRuleTest(on).theRuleIsThatOfItsFormula();
    }

    private static void rows(OpenedBackend on) {
      new ExpertRowsTest(on).rowsComeAndGoBackWeighed();
    }

    private static void route(OpenedBackend on) {
      new RouteTest(on).theMostProbableExpertsAreChosen();
    }

    private static void correction(OpenedBackend on) {
      new RouteTest(on).aCorrectionChoosesAndDoesNotWeigh();
    }

    private static void groups(OpenedBackend on) {
      new RouteTest(on).groupsAreRankedByTheirBestOrTheirTwoBest();
    }

    private static void sparseMixer(OpenedBackend on) {
      new RouteTest(on).aSparseMixerWeighsAmongTheExpertsThatAreNearEnough();
    }

    private static void squares(OpenedBackend on) {
      new ColumnSquaresTest(on).squaresAreRoundedAndSummedInRunsOf32Rows();
    }

    private static void manySquares(OpenedBackend on) {
      new ColumnSquaresTest(on).rowsOfAnyNumberAndPlaceGiveTheSameSums(3000, 7, 0);
    }

    private static void momentsOfHalfARun(OpenedBackend on) {
      new SecondMomentsTest(on).rowsOfAnyNumberAndPlaceGiveTheSameMoments(256, 66, 3);
    }

    private static void momentsOfRuns(OpenedBackend on) {
      new SecondMomentsTest(on).productsAreFusedAndSummedInRunsOf256Rows();
    }

    private static void moments(OpenedBackend on) {
      new SecondMomentsTest(on).sumsThatCancelAreKept();
    }

    private static void loss(OpenedBackend on) {
      new CrossEntropyTest(on).anyNumberOfRowsAgrees(15, 17);
    }

    private static void attention(OpenedBackend on) {
      new AttentionTest(on).allAtOnceAgree(140, 2, 1, 80, 33, 4, -0.2f, 0);
    }

    private static void linear(OpenedBackend on) {
      new LinearTest(on).everySizeAgrees(5, 31, 300);
    }

    private static void narrowLinear(OpenedBackend on) {
      new LinearTest(on).everySizeAgrees(7, 33, 16);
    }

    private static void sparse(OpenedBackend on) {
      new LinearSparseTest(on).everySizeAgrees(3, 9, 33);
    }

    private static void codes(OpenedBackend on) {
      new WidenCodesTest(on).everyShapeAgrees(RandomCodes.THREE_BITS);
    }

    private static void fewTokens(OpenedBackend on) {
      new WidenCodesTest(on).everyNumberOfTokensAgrees(3, 16, 257);
    }

    private static void blocks(OpenedBackend on) {
      new WidenCodesTest(on).everyShapeAgrees(RandomCodes.BLOCKS);
    }

    private static void smallNumbers(OpenedBackend on) {
      new WidenCodesTest(on).everyShapeAgrees(RandomCodes.MXFP4);
    }

    private static void powers(OpenedBackend on) {
      new WidenCodesTest(on).everyCodeIsItsNumber(NumberFormat.E8M0);
    }

    private static void quotients(OpenedBackend on) {
      new WidenCodesTest(on).quotientsAreTheNearest(NumberFormat.F32);
    }

    private static void longRows(OpenedBackend on) {
      new LayerNormTest(on).rowsOfAnyLengthAndPlaceAgree(64, 0, 0);
    }

    private static void rotatePart(OpenedBackend on) {
      new RotateTest(on).rotationOfAPartLeavesTheRest();
    }

    private static void allMoments(OpenedBackend on) {
      momentsOfRuns(on);
      moments(on);
    }

    private static void attentionOf64(OpenedBackend on) {
      AttentionTest tests = new AttentionTest(on);
      tests.windowsAgree(130, 1, 1, 8, 64);
      tests.biasesCanBeMinusInfinity(64, 0);
      tests.attentionSeesNothingBeforeItsWindow(20);
      tests.boundsAndBiasesAgree(33, 2, 1, 5, 0);
    }

    private static void packed(OpenedBackend on) {
      new LinearSparseTest(on).everySizeAgrees(1, 9, 1025);
      sparse(on);
    }

    /** Opens the backend itself, for each precision. */
    private static void tensorProducts(OpenedBackend on) {
      GpuParityCudaPrecisionTest tests = new GpuParityCudaPrecisionTest();
      tests.productsAreNearTheirSum(DType.F16, 70, 40, 130);
      tests.productsAreNearTheirSum(DType.F16, 33, 130, 70);
    }

    private static void bfloatProducts(OpenedBackend on) {
      new GpuParityCudaPrecisionTest().productsAreNearTheirSum(DType.BF16, 33, 130, 70);
    }

    private static void extremeRows(OpenedBackend on) {
      new GpuParityCudaPrecisionTest().hugeActivationsMeetTinyWeights();
    }

    private static void smallTerms(OpenedBackend on) {
      new GpuParityCudaPrecisionTest().smallTermsBesideALargeOneCount(DType.F16);
    }

    private static void unpacked(OpenedBackend on) {
      new LinearSparseTest(on).everySizeAgrees(9, 20, 70);
    }
  }

  static List<Damage> openCl() {
    return Stream.of(Damage.values()).filter(damage -> damage.file.endsWith(".cl")).toList();
  }

  static List<Damage> cuda() {
    return Stream.of(Damage.values()).filter(damage -> !damage.file.endsWith(".cl")).toList();
  }

  @ParameterizedTest
  @MethodSource("openCl")
  void damagedKernelsAreNoticed(Damage damage) {
    try (OpenedBackend damaged =
        new OpenedBackend(
            TestedBackend.OPENCL,
            FirstOpenCl.changed(damage.file, Map.of(damage.sound, damage.damaged)))) {
      assertThatThrownBy(() -> damage.test.accept(damaged)).isInstanceOf(AssertionError.class);
    }
  }

  @ParameterizedTest
  @MethodSource("cuda")
  @Tag("pretend")
  void damagedCudaKernelsAreNoticed(Damage damage) throws Exception {
    try (AutoCloseable kernels =
            PretendCuda.damaged(damage.kernel, damage.file, damage.sound, damage.damaged);
        OpenedBackend damaged = new OpenedBackend(TestedBackend.CUDA)) {
      assertThatThrownBy(() -> damage.test.accept(damaged)).isInstanceOf(AssertionError.class);
    }
  }
}
