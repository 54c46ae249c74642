package io.github.wandacuda.testing;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;

/**
 * Prints a model's perplexity by llama.cpp's libraries: {@code FOLDER MODEL.gguf TOKENS.json}. Of a
 * text instead of tokens, {@code FOLDER MODEL.gguf TEXT.txt}, it prints the tokens that it becomes.
 * Sizes and offsets are those of {@code llama.h} in v0.5.0, on 64 bits.
 */
final class LlamaCppProgram {
  /** {@code llama_model_params}. */
  private static final StructLayout MODEL = words(10);

  private static final long GPU_LAYERS = 16;
  private static final long VOCABULARY_ALONE = 72;
  private static final long CHECK_TENSORS = 73;
  private static final long USE_EXTRA_BUFFERS = 74;

  /** {@code llama_context_params}. */
  private static final StructLayout CONTEXT = words(20);

  /** Tokens of a context, of a batch and of a part of a batch, and how many sequences. */
  private static final long[] SIZES = {0, 4, 8, 12};

  private static final long[] THREADS = {28, 32};
  private static final long FLASH_ATTENTION = 52;
  private static final long[] CACHE_TYPES = {104, 108};
  private static final long WHOLE_WINDOWS = 132;

  /** {@code llama_batch}. */
  private static final StructLayout BATCH = words(7);

  private static final long TOKENS = 8;
  private static final long POSITIONS = 24;
  private static final long SEQUENCE_COUNTS = 32;
  private static final long SEQUENCES = 40;
  private static final long WANTED = 48;

  private static final int F32 = 0;
  private static final int WARNING = 3;
  private static final int CONTEXT_STEP = 64;

  private final Linker linker = Linker.nativeLinker();
  private final Arena arena = Arena.global();
  private final List<SymbolLookup> libraries = new ArrayList<>();

  private LlamaCppProgram(Path folder) throws IOException {
    for (String pattern : List.of("libggml-base*.so", "libggml.v*.so", "libllama.v*.so")) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, pattern)) {
        libraries.add(SymbolLookup.libraryLookup(files.iterator().next(), arena));
      }
    }
  }

  /** Returns a struct that is passed in memory, where the types of its fields don't matter. */
  private static StructLayout words(int count) {
    return MemoryLayout.structLayout(MemoryLayout.sequenceLayout(count, JAVA_LONG));
  }

  public static void main(String[] arguments) throws Throwable {
    Path folder = Path.of(arguments[0]).toAbsolutePath();
    LlamaCppProgram program = new LlamaCppProgram(folder);
    program.start(folder);
    if (arguments[2].endsWith(".txt")) {
      byte[] text = Files.readAllBytes(Path.of(arguments[2]));
      System.out.println(
          "tokens " + Arrays.toString(program.tokens(program.load(arguments[1], true), text)));
      return;
    }
    List<int[]> sequences = TestData.tokens(Path.of(arguments[2]));
    double perplexity = program.perplexity(program.load(arguments[1], false), sequences);
    System.out.println("perplexity " + perplexity);
  }

  private MethodHandle function(MemoryLayout result, String name, MemoryLayout... arguments) {
    MemorySegment symbol =
        libraries.stream()
            .flatMap(library -> library.find(name).stream())
            .findFirst()
            .orElseThrow(() -> new NoSuchElementException(name));
    return linker.downcallHandle(
        symbol,
        result == null
            ? FunctionDescriptor.ofVoid(arguments)
            : FunctionDescriptor.of(result, arguments));
  }

  private void start(Path folder) throws Throwable {
    MethodType type =
        MethodType.methodType(void.class, int.class, MemorySegment.class, MemorySegment.class);
    MemorySegment log =
        linker.upcallStub(
            MethodHandles.lookup().findStatic(LlamaCppProgram.class, "log", type),
            FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS),
            arena);
    function(null, "llama_log_set", ADDRESS, ADDRESS).invoke(log, MemorySegment.NULL);
    function(null, "ggml_backend_load_all_from_path", ADDRESS)
        .invoke(arena.allocateFrom(folder.toString()));
    function(null, "llama_backend_init").invoke();
  }

  /** Says why a model isn't loaded: the library's functions don't. */
  static void log(int level, MemorySegment text, MemorySegment unused) {
    if (level >= WARNING) {
      System.err.print(text.reinterpret(Long.MAX_VALUE).getString(0));
    }
  }

  private MemorySegment load(String path, boolean vocabularyAlone) throws Throwable {
    MemorySegment settings =
        (MemorySegment)
            function(MODEL, "llama_model_default_params").invoke((SegmentAllocator) arena);
    settings.set(JAVA_INT, GPU_LAYERS, 0);
    settings.set(JAVA_BYTE, VOCABULARY_ALONE, (byte) (vocabularyAlone ? 1 : 0));
    settings.set(JAVA_BYTE, CHECK_TENSORS, (byte) 1);
    settings.set(JAVA_BYTE, USE_EXTRA_BUFFERS, (byte) 0);
    return there(
        (MemorySegment)
            function(ADDRESS, "llama_model_load_from_file", ADDRESS, MODEL)
                .invoke(arena.allocateFrom(path), settings));
  }

  private static MemorySegment there(MemorySegment made) {
    if (made.address() == 0) {
      throw new IllegalStateException("llama.cpp refused it");
    }
    return made;
  }

  private MemorySegment context(MemorySegment model, int longest) throws Throwable {
    MemorySegment settings =
        (MemorySegment)
            function(CONTEXT, "llama_context_default_params").invoke((SegmentAllocator) arena);
    int size = Math.ceilDiv(longest, CONTEXT_STEP) * CONTEXT_STEP;
    for (long place : SIZES) {
      settings.set(JAVA_INT, place, place == SIZES[SIZES.length - 1] ? 1 : size);
    }
    for (long place : THREADS) {
      settings.set(JAVA_INT, place, 1);
    }
    settings.set(JAVA_INT, FLASH_ATTENTION, 0);
    for (long place : CACHE_TYPES) {
      settings.set(JAVA_INT, place, F32);
    }
    settings.set(JAVA_BYTE, WHOLE_WINDOWS, (byte) 1);
    return there(
        (MemorySegment)
            function(ADDRESS, "llama_init_from_model", ADDRESS, CONTEXT).invoke(model, settings));
  }

  /** Returns a text's tokens, with those that the model adds and those that the text spells out. */
  private int[] tokens(MemorySegment model, byte[] text) throws Throwable {
    MemorySegment vocabulary =
        (MemorySegment) function(ADDRESS, "llama_model_get_vocab", ADDRESS).invoke(model);
    int most = text.length + 2;
    MemorySegment tokens = arena.allocate(JAVA_INT, most);
    MethodHandle tokenize =
        function(
            JAVA_INT,
            "llama_tokenize",
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            JAVA_BYTE,
            JAVA_BYTE);
    MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, text);
    int count =
        (int) tokenize.invoke(vocabulary, bytes, text.length, tokens, most, (byte) 1, (byte) 1);
    return tokens.asSlice(0, (long) Integer.BYTES * count).toArray(JAVA_INT);
  }

  /** Returns e to the mean of the sequences' mean losses. */
  private double perplexity(MemorySegment model, List<int[]> sequences) throws Throwable {
    MemorySegment texts =
        (MemorySegment) function(ADDRESS, "llama_model_get_vocab", ADDRESS).invoke(model);
    int vocabulary = (int) function(JAVA_INT, "llama_vocab_n_tokens", ADDRESS).invoke(texts);
    int longest = sequences.stream().mapToInt(each -> each.length).max().orElseThrow();
    MemorySegment context = context(model, longest);
    MemorySegment memory =
        (MemorySegment) function(ADDRESS, "llama_get_memory", ADDRESS).invoke(context);
    double sum = 0;
    for (int[] sequence : sequences) {
      function(null, "llama_memory_clear", ADDRESS, JAVA_BYTE).invoke(memory, (byte) 1);
      sum += loss(logits(context, sequence, vocabulary), sequence, vocabulary);
    }
    return Math.exp(sum / sequences.size());
  }

  private float[] logits(MemorySegment context, int[] sequence, int vocabulary) throws Throwable {
    int count = sequence.length;
    try (Arena own = Arena.ofConfined()) {
      int[] ones = new int[count];
      Arrays.fill(ones, 1);
      byte[] all = new byte[count];
      Arrays.fill(all, (byte) 1);
      MemorySegment positions = own.allocate(JAVA_INT, count);
      MemorySegment ids = own.allocate(ADDRESS, count);
      MemorySegment zero = own.allocateFrom(JAVA_INT, 0);
      for (int place = 0; place < count; place++) {
        positions.setAtIndex(JAVA_INT, place, place);
        ids.setAtIndex(ADDRESS, place, zero);
      }
      MemorySegment batch = own.allocate(BATCH);
      batch.set(JAVA_INT, 0, count);
      batch.set(ADDRESS, TOKENS, own.allocateFrom(JAVA_INT, sequence));
      batch.set(ADDRESS, POSITIONS, positions);
      batch.set(ADDRESS, SEQUENCE_COUNTS, own.allocateFrom(JAVA_INT, ones));
      batch.set(ADDRESS, SEQUENCES, ids);
      batch.set(ADDRESS, WANTED, own.allocateFrom(JAVA_BYTE, all));
      int result = (int) function(JAVA_INT, "llama_decode", ADDRESS, BATCH).invoke(context, batch);
      if (result != 0) {
        throw new IllegalStateException("llama_decode gave " + result);
      }
      MemorySegment logits =
          (MemorySegment) function(ADDRESS, "llama_get_logits", ADDRESS).invoke(context);
      return logits.reinterpret((long) Float.BYTES * count * vocabulary).toArray(JAVA_FLOAT);
    }
  }

  /** Returns the mean loss of the tokens behind the first. */
  private static double loss(float[] logits, int[] sequence, int vocabulary) {
    double loss = 0;
    for (int place = 0; place + 1 < sequence.length; place++) {
      int row = place * vocabulary;
      double most = Double.NEGATIVE_INFINITY;
      for (int token = 0; token < vocabulary; token++) {
        most = Math.max(most, logits[row + token]);
      }
      double sum = 0;
      for (int token = 0; token < vocabulary; token++) {
        sum += Math.exp(logits[row + token] - most);
      }
      loss += most + Math.log(sum) - logits[row + sequence[place + 1]];
    }
    return loss / (sequence.length - 1);
  }
}
