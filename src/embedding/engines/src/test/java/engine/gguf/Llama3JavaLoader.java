package engine.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What mukel's llama3.java, as of April 2026, asks of a file, written after its source: what it
 * takes for granted and so meets as an exception is an objection too. It looks at no architecture
 * and at no key of a head's width.
 */
final class Llama3JavaLoader {
  private static final int TOKENS = 128_000;
  private static final Set<Integer> MATRIX_TYPES =
      Set.of(GgufFile.F32, GgufFile.F16, GgufFile.BF16, 2, 3, 8, 12, 13, 14);

  private final GgufFile file;
  private final List<String> objections = new ArrayList<>();

  private Llama3JavaLoader(GgufFile file) {
    this.file = file;
  }

  /**
   * Returns what it would fail by, in the order in which it reads; nothing if it takes the file.
   */
  static List<String> objections(GgufFile file) {
    Llama3JavaLoader loader = new Llama3JavaLoader(file);
    loader.checkTokenizer();
    loader.checkWeights();
    return loader.objections;
  }

  private void checkTokenizer() {
    if (!"gpt2".equals(file.value("tokenizer.ggml.model"))) {
      objections.add("tokenizer.ggml.model is " + file.value("tokenizer.ggml.model"));
    } else if (!(file.value("tokenizer.ggml.merges") instanceof Object[])) {
      objections.add("no tokenizer.ggml.merges");
    } else if (((Object[]) file.value("tokenizer.ggml.tokens")).length < TOKENS) {
      objections.add("fewer than 128,000 tokens");
    }
  }

  private void checkWeights() {
    int width = number("llama.embedding_length");
    int hidden = number("llama.feed_forward_length");
    int heads = number("llama.attention.head_count");
    int keyHeads =
        file.value("llama.attention.head_count_kv") == null
            ? heads
            : number("llama.attention.head_count_kv");
    int headWidth = width / heads;
    for (int block = 0; block < number("llama.block_count"); block++) {
      String name = "blk." + block + ".";
      vector(name + "attn_norm", width);
      matrix(name + "attn_q", heads * headWidth, width);
      matrix(name + "attn_k", keyHeads * headWidth, width);
      matrix(name + "attn_v", keyHeads * headWidth, width);
      matrix(name + "attn_output", width, heads * headWidth);
      vector(name + "ffn_norm", width);
      matrix(name + "ffn_gate", hidden, width);
      matrix(name + "ffn_down", width, hidden);
      matrix(name + "ffn_up", hidden, width);
    }
    vector("output_norm", width);
  }

  private int number(String key) {
    if (file.value(key) instanceof Integer number) {
      return number;
    }
    objections.add(key + " is no whole number of 32 bits");
    return 1;
  }

  private void vector(String name, int width) {
    GgufFile.Tensor found = file.tensors().get(name + ".weight");
    if (found == null || found.type() != GgufFile.F32 || found.columns() != width) {
      objections.add(name + " isn't F32 of " + width);
    }
  }

  private void matrix(String name, int rows, int columns) {
    GgufFile.Tensor found = file.tensors().get(name + ".weight");
    if (found == null
        || !MATRIX_TYPES.contains(found.type())
        || found.rows() != rows
        || found.columns() != columns) {
      objections.add("%s isn't [%d, %d]".formatted(name, rows, columns));
    }
  }
}
