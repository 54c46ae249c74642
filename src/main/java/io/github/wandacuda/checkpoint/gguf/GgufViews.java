package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.error.ErrorDetails;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds Hugging Face's tensors in a file: each by its name, with its rows in the order that module
 * has them, experts one by one.
 */
final class GgufViews {
  private static final Pattern IN_BLOCK = Pattern.compile("blk\\.(\\d{1,6})\\.(.+)");

  /** What the config has, see {@link GgufConfig}. */
  private static final Set<String> IN_CONFIG =
      Set.of("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight");

  private static final int STACK = 3;
  private static final String F32 = GgufType.F32.name();
  private static final String BYTE = "U8";

  private final GgufFiles files;
  private final GgufConfig config;
  private final GgufArchitecture architecture;
  private final long heads;
  private final long keyValueHeads;
  private final List<GgufView> views = new ArrayList<>();

  GgufViews(GgufFiles files, GgufConfig config) {
    this.files = files;
    this.config = config;
    architecture = config.architecture();
    heads = config.heads();
    keyValueHeads = config.keyValueHeads();
  }

  /**
   * Returns all tensors, in the order of the file.
   *
   * @throws io.github.wandacuda.error.InputException if the file has a tensor that the architecture
   *     hasn't, or one of another shape
   */
  List<GgufView> all() {
    for (Stored stored : files.tensors().values()) {
      if (!IN_CONFIG.contains(stored.name())) {
        Matcher name = IN_BLOCK.matcher(stored.name());
        int block = name.matches() ? Integer.parseInt(name.group(1)) : -1;
        add(stored, block < 0 ? stored.name() : name.group(2), block);
      }
    }
    architecture.tensors().forEach(this::addNumbers);
    return views;
  }

  private void addNumbers(String name, String key) {
    float[] numbers = config.byBlock(key);
    for (int block = 0; block < numbers.length; block++) {
      String target = GgufArchitecture.inBlock(name, block);
      views.add(GgufView.of(target, F32, List.of(1L), 1, new RowSource.Number(numbers[block])));
    }
  }

  private void add(Stored stored, String name, int block) {
    switch (name) {
      case "attn_k_b.weight" -> addLatent(stored, block);
      case "attn_v_b.weight" -> partner(stored, "attn_k_b.weight", block);
      case "ffn_gate_exps.weight", "ffn_gate_exps.bias" -> addGates(stored, name, block);
      case "ffn_up_exps.weight", "ffn_up_exps.bias" -> {
        if (!isFused()) {
          addNamed(stored, name, block);
        }
      }
      case "ffn_down_exps.weight", "ffn_down_exps.bias" -> addDown(stored, name, block);
      default -> addNamed(stored, name, block);
    }
  }

  private String named(Stored stored, String name, int block) {
    return architecture.find(name, block).orElseThrow(() -> unknown(stored));
  }

  private RuntimeException unknown(Stored stored) {
    return ErrorDetails.tensor(stored.file().path(), stored.name())
        .wrong("a tensor that a %s has".formatted(architecture.modelType()), "one of this name");
  }

  private void addNamed(Stored stored, String name, int block) {
    String target = named(stored, name, block);
    GgufTensor tensor = stored.tensor();
    String base = name.substring(0, Math.max(0, name.lastIndexOf('.')));
    if (target.contains(".E.")) {
      addExperts(stored, target);
    } else if (isVector(tensor)) {
      addVector(stored, name, target);
    } else if (architecture.transposed().contains(base) && tensor.shape().size() == 2) {
      List<Long> shape = tensor.shape().reversed();
      views.add(
          GgufView.of(
              target,
              F32,
              shape,
              shape.getFirst(),
              new RowSource.Transposed(stored, 0, tensor.rows())));
    } else {
      addRows(stored, target, tensor.shape(), order(base, tensor.rows()));
    }
  }

  /** Returns whether a tensor is a vector, or a matrix of one row or column. */
  private static boolean isVector(GgufTensor tensor) {
    return tensor.shape().size() == 1 || tensor.elements() == tensor.columns();
  }

  private void addVector(Stored stored, String name, String target) {
    GgufTensor tensor = stored.tensor();
    boolean norm = name.endsWith("norm.weight") && architecture.plusOne();
    String base = name.substring(0, name.lastIndexOf('.'));
    IntUnaryOperator order =
        name.endsWith(".bias") ? order(base, Math.toIntExact(tensor.elements())) : null;
    List<Long> shape = tensor.shape();
    if (base.equals("ffn_gate_inp_shexp")) {
      shape = List.of(1L, tensor.elements());
    }
    RowSource row = new RowSource.Vector(stored, order, norm ? -1 : 0);
    views.add(GgufView.of(target, F32, shape, 1, row));
  }

  private void addRows(Stored stored, String target, List<Long> shape, IntUnaryOperator order) {
    GgufTensor tensor = stored.tensor();
    views.add(
        GgufView.of(
            target,
            RowSource.dtype(tensor.type()),
            shape,
            tensor.rows(),
            new RowSource.Rows(stored, 0, order)));
  }

  private void addExperts(Stored stored, String target) {
    GgufTensor tensor = stored.tensor();
    requireStack(stored);
    List<Long> shape = tensor.shape().subList(1, STACK);
    int rows = Math.toIntExact(shape.getFirst());
    for (int expert = 0; expert < tensor.shape().getFirst(); expert++) {
      views.add(
          GgufView.of(
              target.replace(".E.", ".%d.".formatted(expert)),
              RowSource.dtype(tensor.type()),
              shape,
              rows,
              new RowSource.Rows(stored, expert * rows, null)));
    }
  }

  private static void requireStack(Stored stored) {
    if (stored.tensor().shape().size() != STACK) {
      throw ErrorDetails.tensor(stored.file().path(), stored.name())
          .wrong("a matrix of each expert", "shape " + stored.tensor().shape());
    }
  }

  /** Returns the order of a weight's rows, or of a bias; null for that of the file. */
  private IntUnaryOperator order(String base, int rows) {
    if (architecture.pairs() && base.equals("attn_q")) {
      return halves(rows, heads);
    }
    if (architecture.pairs() && base.equals("attn_k")) {
      return halves(rows, keyValueHeads);
    }
    return architecture.fusedByHead() && base.equals("attn_qkv") ? byHead(rows) : null;
  }

  /** Row {@code j size/2 + i} of a head is the file's {@code 2 i + j}. */
  private static IntUnaryOperator halves(int rows, long heads) {
    int size = (int) (rows / heads);
    int half = size / 2;
    return row -> row - row % size + row % size % half * 2 + row % size / half;
  }

  /** Row {@code i} of head {@code h}'s q, k or v is the file's in all of q, k or v. */
  private IntUnaryOperator byHead(int rows) {
    int size = (int) (rows / (STACK * heads));
    return row -> {
      int head = row / (STACK * size);
      int part = row / size % STACK;
      return (int) (part * heads + head) * size + row % size;
    };
  }

  /** DeepSeek's kv_b_proj: of each head the keys' rows, which lie transposed, and the values'. */
  private void addLatent(Stored keys, int block) {
    Stored values = partner(keys, "attn_v_b.weight", block);
    requireStack(keys);
    requireStack(values);
    int heads = Math.toIntExact(keys.tensor().shape().getFirst());
    int rank = Math.toIntExact(keys.tensor().shape().get(1));
    int keyRows = keys.tensor().columns();
    int valueRows = Math.toIntExact(values.tensor().shape().get(1));
    List<RowSource.Joined.Part> parts = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      parts.add(
          new RowSource.Joined.Part(new RowSource.Transposed(keys, head * rank, rank), keyRows));
      parts.add(
          new RowSource.Joined.Part(new RowSource.Widened(values, head * valueRows), valueRows));
    }
    long rows = (long) heads * (keyRows + valueRows);
    views.add(
        GgufView.of(
            named(keys, "attn_kv_b.weight", block),
            F32,
            List.of(rows, (long) rank),
            rows,
            new RowSource.Joined(parts)));
  }

  private Stored partner(Stored stored, String name, int block) {
    return files
        .find("blk.%d.%s".formatted(block, name))
        .orElseThrow(
            () ->
                ErrorDetails.tensor(stored.file().path(), stored.name())
                    .wrong("%s beside it".formatted(name), "none"));
  }

  /** Returns whether Hugging Face has an expert's gate and up in one matrix. */
  private boolean isFused() {
    return !architecture.names().get("ffn_gate_exps").contains(".E.");
  }

  private boolean isInterleaved() {
    return architecture.modelType().equals("gpt_oss");
  }

  private void addGates(Stored gate, String name, int block) {
    if (!isFused()) {
      addNamed(gate, name, block);
      return;
    }
    Stored up = partner(gate, name.replace("gate", "up"), block);
    String target = named(gate, "ffn_gate_exps", block);
    if (!gate.tensor().shape().equals(up.tensor().shape())
        || gate.tensor().type() != up.tensor().type()) {
      throw ErrorDetails.tensor(up.file().path(), up.name())
          .wrong("type and shape of " + gate.name(), "others");
    }
    if (!isInterleaved()) {
      addStack(gate, up, target + ".weight");
    } else if (name.endsWith(".bias")) {
      addBias(
          target,
          gate.tensor(),
          2,
          new RowSource.Interleaved(new RowSource.Elements(gate), new RowSource.Elements(up)));
    } else {
      requireStack(gate);
      requireMxfp4(gate);
      addCodes(
          gate.tensor(),
          target,
          2,
          new RowSource.Interleaved(new RowSource.PairedCodes(gate), new RowSource.PairedCodes(up)),
          new RowSource.Interleaved(
              new RowSource.BlockScales(gate), new RowSource.BlockScales(up)));
    }
  }

  private void addDown(Stored down, String name, int block) {
    if (!isInterleaved()) {
      addNamed(down, name, block);
      return;
    }
    String target = named(down, "ffn_down_exps", block);
    if (name.endsWith(".bias")) {
      addBias(target, down.tensor(), 1, new RowSource.Elements(down));
    } else {
      requireStack(down);
      requireMxfp4(down);
      addCodes(
          down.tensor(),
          target,
          1,
          new RowSource.PairedCodes(down),
          new RowSource.BlockScales(down));
    }
  }

  /** Of each expert the gate's rows, then those of up. */
  private void addStack(Stored gate, Stored up, String target) {
    requireStack(gate);
    List<Long> shape = gate.tensor().shape();
    int rows = Math.toIntExact(shape.get(1));
    List<RowSource.Joined.Part> parts = new ArrayList<>();
    for (int expert = 0; expert < shape.getFirst(); expert++) {
      parts.add(new RowSource.Joined.Part(new RowSource.Rows(gate, expert * rows, null), rows));
      parts.add(new RowSource.Joined.Part(new RowSource.Rows(up, expert * rows, null), rows));
    }
    views.add(
        GgufView.of(
            target,
            RowSource.dtype(gate.tensor().type()),
            List.of(shape.get(0), 2 * shape.get(1), shape.get(2)),
            2L * gate.tensor().rows(),
            new RowSource.Joined(parts)));
  }

  private static void requireMxfp4(Stored stored) {
    if (stored.tensor().type() != GgufType.MXFP4) {
      throw ErrorDetails.tensor(stored.file().path(), stored.name())
          .wrong("MXFP4, in which gpt-oss is published", stored.tensor().type().name());
    }
  }

  private void addBias(String target, GgufTensor tensor, int times, RowSource rows) {
    List<Long> shape = List.of(tensor.shape().getFirst(), times * tensor.shape().getLast());
    views.add(GgufView.of(target + "_bias", F32, shape, times * tensor.elements(), rows));
  }

  private void addCodes(
      GgufTensor tensor, String target, int times, RowSource codes, RowSource scales) {
    List<Long> shape = tensor.shape();
    long blocks = shape.getLast() / GgufType.MXFP4.blockElements();
    long experts = shape.getFirst();
    long rows = times * shape.get(1);
    views.add(
        GgufView.of(
            target + "_blocks",
            BYTE,
            List.of(experts, rows, blocks, (long) GgufType.MXFP4.blockElements() / 2),
            experts * rows,
            codes));
    views.add(
        GgufView.of(
            target + "_scales", BYTE, List.of(experts, rows, blocks), experts * rows, scales));
  }
}
