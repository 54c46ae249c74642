package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.error.ErrorDetails;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds Hugging Face's tensors in a file: each by its name, with its rows in the order that module
 * has them, experts one by one.
 */
final class GgufViews {
  /** A tensor of a block: the block's number and the rest of the name. */
  static final Pattern IN_BLOCK = Pattern.compile("blk\\.(0|[1-9]\\d{0,5})\\.(.+)");

  /** What the config has, see {@link GgufConfig}. */
  private static final Set<String> IN_CONFIG =
      Set.of(GgufTensor.DIVISORS, "rope_factors_long.weight", "rope_factors_short.weight");

  private static final int STACK = 3;
  private static final String F32 = GgufType.F32.name();
  private static final String BYTE = "U8";

  private final GgufFiles files;
  private final GgufKeys keys;
  private final GgufArchitecture architecture;
  private final long heads;
  private final long keyValueHeads;
  private final List<GgufView> views = new ArrayList<>();
  private final Map<String, String> sources = new HashMap<>();

  GgufViews(GgufFiles files, GgufConfig config) {
    this.files = files;
    keys = config.keys();
    architecture = config.architecture();
    heads = keys.heads();
    keyValueHeads = keys.keyValueHeads();
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
        String own = block < 0 ? stored.name() : name.group(2);
        if (!own.endsWith(".weight") && !own.endsWith(".bias")) {
          throw unknown(stored);
        }
        int before = views.size();
        add(stored, own, block);
        requireOnce(stored, views.subList(before, views.size()));
      }
    }
    architecture.tensors().forEach(this::addNumbers);
    return views;
  }

  /** Refuses a second tensor for one of Hugging Face's, of which the table has two names. */
  private void requireOnce(Stored stored, List<GgufView> made) {
    for (GgufView view : made) {
      String other = sources.put(view.info().name(), stored.name());
      if (other != null) {
        throw problem(stored)
            .wrong("no second tensor for %s".formatted(view.info().name()), other + " beside it");
      }
    }
  }

  private static ErrorDetails problem(Stored stored) {
    return ErrorDetails.tensor(stored.file().path(), stored.name());
  }

  private void addNumbers(String name, String key) {
    float[] numbers = keys.byBlock(key);
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
        if (isFused()) {
          partner(stored, name.replace("up", "gate"), block);
        } else {
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
    return problem(stored)
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
              new RowSource.Transposed(numbers(stored), 0, tensor.rows())));
    } else {
      addRows(stored, target, tensor.shape(), order(stored, base, tensor.rows()));
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
        name.endsWith(".bias") ? order(stored, base, Math.toIntExact(tensor.elements())) : null;
    List<Long> shape = tensor.shape();
    if (base.equals("ffn_gate_inp_shexp")) {
      shape = List.of(1L, tensor.elements());
    }
    RowSource row = new RowSource.Vector(numbers(stored), order, norm ? -1 : 0);
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
    requireExperts(stored);
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

  private void requireExperts(Stored stored) {
    requireStack(stored, keys.experts(), "experts");
  }

  private static void requireStack(Stored stored, long count, String what) {
    List<Long> shape = stored.tensor().shape();
    if (shape.size() != STACK || shape.getFirst() != count) {
      throw problem(stored)
          .wrong("a matrix of each of %d %s".formatted(count, what), "shape " + shape);
    }
  }

  /** Returns a tensor whose elements are known as numbers. */
  private static Stored numbers(Stored stored) {
    if (!stored.tensor().type().isWidened()) {
      throw problem(stored)
          .wrong("a type whose numbers are known here, such as F32", stored.tensor().type());
    }
    return stored;
  }

  /** Returns the order of a weight's rows, or of a bias; null for that of the file. */
  private IntUnaryOperator order(Stored stored, String base, int rows) {
    if (architecture.pairs() && base.equals("attn_q")) {
      requireHeads(stored, rows, heads, 2);
      return halves(rows, heads);
    }
    if (architecture.pairs() && base.equals("attn_k")) {
      requireHeads(stored, rows, keyValueHeads, 2);
      return halves(rows, keyValueHeads);
    }
    if (architecture.fusedByHead() && base.equals("attn_qkv")) {
      requireHeads(stored, rows, heads, STACK);
      return byHead(rows);
    }
    return null;
  }

  /** Checks that each head has as many rows, of which each of some parts has as many. */
  private static void requireHeads(Stored stored, int rows, long heads, int parts) {
    if (rows % parts != 0 || rows / parts % heads != 0) {
      throw problem(stored)
          .wrong("rows of %d heads, of which each has %d parts".formatted(heads, parts), rows);
    }
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
  private void addLatent(Stored latent, int block) {
    Stored values = partner(latent, "attn_v_b.weight", block);
    requireStack(latent, heads, "heads");
    requireStack(values, heads, "heads");
    int rank = Math.toIntExact(latent.tensor().shape().get(1));
    int keyRows = latent.tensor().columns();
    int valueRows = Math.toIntExact(values.tensor().shape().get(1));
    if (values.tensor().columns() != rank) {
      throw problem(values)
          .wrong(
              "%d columns, the rank of %s".formatted(rank, latent.name()),
              values.tensor().columns());
    }
    long rows = heads * (keyRows + valueRows);
    if (rows > Integer.MAX_VALUE) {
      throw problem(latent).wrong("rows that an int counts", rows);
    }
    List<RowSource.Joined.Part> parts = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      parts.add(
          new RowSource.Joined.Part(
              new RowSource.Transposed(numbers(latent), head * rank, rank), keyRows));
      parts.add(
          new RowSource.Joined.Part(
              new RowSource.Widened(numbers(values), head * valueRows), valueRows));
    }
    views.add(
        GgufView.of(
            named(latent, "attn_kv_b.weight", block),
            F32,
            List.of(rows, (long) rank),
            rows,
            new RowSource.Joined(parts)));
  }

  private Stored partner(Stored stored, String name, int block) {
    String full = "blk.%d.%s".formatted(block, name);
    return files
        .find(full)
        .orElseThrow(() -> problem(stored).wrong("%s beside it".formatted(full), "none"));
  }

  /** Returns whether Hugging Face has an expert's gate and up in one matrix. */
  private boolean isFused() {
    return !architecture.names().get("ffn_gate_exps").contains(".E.");
  }

  private boolean isInterleaved() {
    return architecture.interleaved();
  }

  private void addGates(Stored gate, String name, int block) {
    if (!isFused()) {
      addNamed(gate, name, block);
      return;
    }
    if (!isInterleaved() && name.endsWith(".bias")) {
      throw unknown(gate);
    }
    Stored up = partner(gate, name.replace("gate", "up"), block);
    String target = named(gate, "ffn_gate_exps", block);
    if (!gate.tensor().shape().equals(up.tensor().shape())
        || gate.tensor().type() != up.tensor().type()) {
      throw problem(up)
          .wrong(
              "%s %s, as %s has"
                  .formatted(gate.tensor().type(), gate.tensor().shape(), gate.name()),
              "%s %s".formatted(up.tensor().type(), up.tensor().shape()));
    }
    if (!isInterleaved()) {
      addStack(gate, up, target + ".weight");
    } else if (name.endsWith(".bias")) {
      addBias(
          target,
          gate,
          2,
          new RowSource.Interleaved(new RowSource.Elements(gate), new RowSource.Elements(up)));
    } else {
      requireExperts(gate);
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
      addBias(target, down, 1, new RowSource.Elements(down));
    } else {
      requireExperts(down);
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
    requireExperts(gate);
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
      throw problem(stored)
          .wrong("MXFP4, in which gpt-oss is published", stored.tensor().type().name());
    }
  }

  private void addBias(String target, Stored stored, int times, RowSource rows) {
    GgufTensor tensor = stored.tensor();
    if (tensor.shape().size() != 2 || tensor.type() != GgufType.F32) {
      throw problem(stored)
          .wrong("a row of F32 for each expert", tensor.type() + " " + tensor.shape());
    }
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
