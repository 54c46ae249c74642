package engine.jlama;

import static engine.testing.Agreement.HALF;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.ModelSupport;
import com.github.tjake.jlama.model.llama.LlamaConfig;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.SafeTensorSupport;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.KvBufferCache;
import com.github.tjake.jlama.util.JsonSupport;
import engine.testing.Agreement;
import engine.testing.Perplexity;
import engine.testing.TinyLlama;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.library.Pruner;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights pruned while Jlama loads them, and norms of its forward pass. */
class JlamaTest {
  private static final int GENERATED = 64;

  /** Jlama's own probabilities differ so from run to run: by 0.0075, where they do. */
  private static final double MOST_DIFFERENCE = 0.1;

  /** Of a perplexity: that of the dense model is off by 0.0009 of it. */
  private static final double MOST_RELATIVE = 0.002;

  @Test
  void prunedWhileItLoadsItGeneratesWhatThePrunedDirectoryDoes() throws IOException {
    Map<String, Criterion> criteria = TinyLlama.criteria(TinyLlama.statistics());
    int[] prompt = Arrays.copyOf(TinyLlama.samples()[0], 16);
    try (Pruner pruner = Pruner.open()) {
      Run dense = run(load(TinyLlama.MODEL, SafeTensorSupport::loadWeights), prompt);
      Run fromDisk = run(load(TinyLlama.pruned(), SafeTensorSupport::loadWeights), prompt);
      Run whileLoading =
          run(
              load(
                  TinyLlama.MODEL,
                  folder ->
                      new PruningLoader(
                          SafeTensorSupport.loadWeights(folder), criteria, pruner, HALF)),
              prompt);
      Agreement tokens = Agreement.of(whileLoading.tokens(), fromDisk.tokens());
      Agreement probabilities =
          Agreement.of(whileLoading.probabilities(), fromDisk.probabilities());
      double difference = difference(whileLoading.probabilities(), fromDisk.probabilities());
      System.out.printf(
          "Jlama: tokens equal to the pruned directory's: %s; probabilities: %s, the others by at"
              + " most %.1e off; to the dense model's: %s, %s%n",
          tokens,
          probabilities,
          difference,
          Agreement.of(whileLoading.tokens(), dense.tokens()),
          Agreement.of(whileLoading.probabilities(), dense.probabilities()));
      assertTrue(tokens.isComplete(), tokens.toString());
      assertTrue(difference < MOST_DIFFERENCE, "probabilities differ by " + difference);
      assertTrue(
          Agreement.of(whileLoading.probabilities(), dense.probabilities()).fraction() < 0.01);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--structure channels --sparsity 0.2 --update none",
        "--structure channels --sparsity 0.2 --update realign",
        "--structure blocks --remove 1 --update none"
      })
  void itComputesWhatThisProgramDoes(String smaller) throws IOException {
    assertComputes(smaller.isEmpty() ? TinyLlama.MODEL : TinyLlama.smaller(smaller), smaller);
  }

  /**
   * Its LLaMA takes a head's size from their number, whatever the config says. Of channels it wants
   * a multiple of 32; the mix that is found has fewer heads and channels.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--structure heads --remove 1 --update none",
        "--structure auto --sparsity 0.2 --multiple 32 --update none"
      })
  void ofModelsWithFewerHeadsItRunsMistralsAndNoLlamas(String smaller) throws IOException {
    Path model = TinyLlama.smaller(smaller);
    Path config = model.resolve("config.json");
    LlamaConfig read = JsonSupport.om.readValue(config.toFile(), LlamaConfig.class);
    int rows = TinyLlama.matrices(model).get("model.layers.0.self_attn.q_proj").rows();
    assertEquals(2 * rows, read.numberOfHeads * read.headSize, "it would read beyond the matrix");
    String llama = Files.readString(config);
    Files.writeString(config, llama.replace("llama", "mistral").replace("Llama", "Mistral"));
    assertComputes(model, smaller + ", as a Mistral");
  }

  private static void assertComputes(Path model, String smaller) throws IOException {
    double expected = Perplexity.printed(model);
    double perplexity = perplexity(load(model, SafeTensorSupport::loadWeights));
    System.out.printf(
        "Jlama, %s: perplexity %.9f, wanda-cuda's %.9f%n", smaller, perplexity, expected);
    assertEquals(expected, perplexity, MOST_RELATIVE * expected);
  }

  private static double perplexity(AbstractModel model) throws IOException {
    Perplexity perplexity = new Perplexity();
    for (int[] sample : TinyLlama.samples()) {
      try (KvBufferCache cache = new KvBufferCache(model);
          KvBufferCache.KvBuffer positions = cache.getEphemeralKvBuffer()) {
        for (int position = 0; position + 1 < sample.length; position++) {
          AbstractTensor<?, ?> state =
              model.forward(sample[position], position, positions, Optional.empty());
          perplexity.add(model.getLogits(state)[sample[position + 1]]);
        }
      }
    }
    return perplexity.value();
  }

  @Test
  void packedItGeneratesWhatThePrunedDirectoryDoes() throws Exception {
    int[] prompt = Arrays.copyOf(TinyLlama.samples()[0], 16);
    Run expected = run(load(TinyLlama.pruned(), SafeTensorSupport::loadWeights), prompt);
    Path packed = TinyLlama.packed();
    try (PackedProducts products = new PackedProducts(TinyLlama.shards(packed))) {
      Run found =
          run(
              load(packed, folder -> products.loader(SafeTensorSupport.loadWeights(folder))),
              prompt);
      Agreement tokens = Agreement.of(found.tokens(), expected.tokens());
      double difference = difference(found.probabilities(), expected.probabilities());
      System.out.printf(
          "Jlama, packed: tokens equal to the pruned directory's: %s; probabilities within %.1e%n",
          tokens, difference);
      assertTrue(tokens.isComplete(), tokens.toString());
      assertTrue(difference < MOST_DIFFERENCE, "probabilities differ by " + difference);
    }
  }

  @Test
  void itIsGivenTheWeightsOfThePrunedDirectory() throws Exception {
    try (Pruner pruner = Pruner.open();
        WeightLoader dense = SafeTensorSupport.loadWeights(TinyLlama.MODEL.toFile());
        WeightLoader fromDisk = SafeTensorSupport.loadWeights(TinyLlama.pruned().toFile())) {
      Map<String, Criterion> criteria = TinyLlama.criteria(TinyLlama.statistics());
      WeightLoader whileLoading = new PruningLoader(dense, criteria, pruner, HALF);
      long equal = 0;
      long bytes = 0;
      for (String name : dense.tensorInfoMap().keySet()) {
        MemorySegment found = whileLoading.load(name).getMemorySegment();
        MemorySegment expected = fromDisk.load(name).getMemorySegment();
        equal += found.mismatch(expected) == -1 ? found.byteSize() : 0;
        bytes += expected.byteSize();
      }
      System.out.printf(
          "Jlama: bytes of tensors equal to the directory's: %d of %d%n", equal, bytes);
      assertEquals(bytes, equal);
      assertTrue(bytes > 0);
    }
  }

  @Test
  void normsOfItsForwardPassGiveTheMasksOfCalibrate() throws Exception {
    try (Pruner pruner = Pruner.open();
        ObservedNorms norms = new ObservedNorms(pruner)) {
      AbstractModel model =
          load(TinyLlama.MODEL, folder -> norms.naming(SafeTensorSupport.loadWeights(folder)));
      for (int[] sample : TinyLlama.samples()) {
        try (KvBufferCache cache = new KvBufferCache(model);
            KvBufferCache.KvBuffer positions = cache.getEphemeralKvBuffer()) {
          model.batchForward(sample, 0, positions);
        }
      }
      Agreement masks =
          Agreement.ofMasks(
              pruner,
              TinyLlama.matrices(TinyLlama.MODEL),
              norms.criteria(TinyLlama.SAMPLES),
              TinyLlama.criteria(TinyLlama.statistics()));
      System.out.printf("Jlama: mask bits equal to calibrate's: %s%n", masks);
      assertTrue(masks.fraction() > 0.9995, masks.toString());
    }
  }

  private record Run(int[] tokens, float[] probabilities) {}

  private static AbstractModel load(Path model, Function<File, WeightLoader> loader) {
    return ModelSupport.loadModel(
        AbstractModel.InferenceType.FULL_GENERATION,
        model.toAbsolutePath().toFile(),
        null,
        DType.F32,
        DType.F32,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        loader);
  }

  /** Takes the likeliest token each time; what Jlama calls logits are probabilities. */
  private static Run run(AbstractModel model, int[] prompt) {
    int[] tokens = new int[GENERATED];
    List<float[]> all = new ArrayList<>();
    try (KvBufferCache cache = new KvBufferCache(model);
        KvBufferCache.KvBuffer positions = cache.getEphemeralKvBuffer()) {
      AbstractTensor<?, ?> last = model.batchForward(prompt, 0, positions);
      last = last.slice(last.shape().first() - 1);
      for (int i = 0; i < GENERATED; i++) {
        float[] probabilities = model.getLogits(last);
        all.add(probabilities);
        tokens[i] = highest(probabilities);
        last = model.forward(tokens[i], prompt.length + i, positions, Optional.empty());
      }
    }
    float[] probabilities = new float[GENERATED * all.getFirst().length];
    for (int i = 0; i < GENERATED; i++) {
      System.arraycopy(all.get(i), 0, probabilities, i * all.get(i).length, all.get(i).length);
    }
    return new Run(tokens, probabilities);
  }

  private static double difference(float[] first, float[] second) {
    double largest = 0;
    for (int i = 0; i < first.length; i++) {
      largest = Math.max(largest, Math.abs(first[i] - second[i]));
    }
    return largest;
  }

  private static int highest(float[] probabilities) {
    int best = 0;
    for (int i = 1; i < probabilities.length; i++) {
      best = probabilities[i] > probabilities[best] ? i : best;
    }
    return best;
  }
}
