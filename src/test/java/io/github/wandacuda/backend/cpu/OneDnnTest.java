package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Libraries that can't be used are passed over, each for a reason that is told. */
class OneDnnTest {
  private static final String FILE = "libdnnl.so.3";

  /** Prints what is found. */
  static final class Printing {
    private Printing() {}

    public static void main(String[] arguments) {
      OneDnn.Search found = OneDnn.search();
      System.out.println("found: " + (found.library() == null ? found.problem() : "it"));
    }
  }

  private static SymbolLookup library() {
    OneDnn unused = FoundOneDnn.require();
    return List.of(FILE, "libdnnl.so.3.6").stream()
        .flatMap(file -> lookup(file).stream())
        .findFirst()
        .orElseThrow();
  }

  private static Optional<SymbolLookup> lookup(String file) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(file, Arena.global()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static OneDnn.Search find(SymbolLookup library) {
    return OneDnn.find(file -> Optional.of(library));
  }

  /** Returns the library with another function in the place of one. */
  private static SymbolLookup with(String name, MemorySegment function) {
    SymbolLookup library = library();
    return wanted -> wanted.equals(name) ? Optional.of(function) : library.find(wanted);
  }

  private static MemorySegment returning(Object result, FunctionDescriptor type) {
    Class<?> kind = type.toMethodType().returnType();
    MethodHandle constant = MethodHandles.constant(kind, result);
    MethodHandle function =
        MethodHandles.dropArguments(constant, 0, type.toMethodType().parameterList());
    return Linker.nativeLinker().upcallStub(function, type, Arena.global());
  }

  @Test
  void oneThatIsUsedHasANameAndItsInstructions() {
    OneDnn found = FoundOneDnn.require();
    assertThat(found.name()).matches("oneDNN 3\\.\\d+\\.\\d+");
    assertThat(found.arithmetic()).startsWith(found.name() + ", ISA 0x");
  }

  @Test
  void noneIsThere() {
    assertThat(OneDnn.find(file -> Optional.empty()).problem())
        .isEqualTo("libdnnl.so.3 was not found");
  }

  @Test
  void anotherLibraryHasThatName() {
    assertThat(find(name -> Optional.empty()).problem())
        .isEqualTo("libdnnl.so.3 can't be used: it has no dnnl_version");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dnnl_get_effective_cpu_isa", "dnnl_matmul_primitive_desc_create",
        "dnnl_primitive_execute", "omp_set_num_threads"
      })
  void oneLacksAFunction(String missing) {
    SymbolLookup library = library();
    SymbolLookup lacking =
        wanted -> wanted.equals(missing) ? Optional.empty() : library.find(wanted);
    assertThat(find(lacking).problem())
        .isEqualTo("libdnnl.so.3 can't be used: it has no " + missing);
  }

  @Test
  void oneMakesThreadsThatItCannotBeToldOf() {
    MemorySegment version = Arena.global().allocate(32);
    version.setAtIndex(ValueLayout.JAVA_INT, 0, 3);
    version.setAtIndex(ValueLayout.JAVA_INT, 6, 4);
    FunctionDescriptor type = FunctionDescriptor.of(ValueLayout.ADDRESS);
    assertThat(find(with("dnnl_version", returning(version, type))).problem())
        .isEqualTo("libdnnl.so.3 can't be used: it isn't built with OpenMP");
  }

  @ParameterizedTest
  @CsvSource({"0", "0x27", "0x67", "0xe7", "0x1ef"})
  void theProcessorIsOld(String instructions) {
    MemorySegment function =
        returning(Integer.decode(instructions), FunctionDescriptor.of(ValueLayout.JAVA_INT));
    assertThat(find(with("dnnl_get_effective_cpu_isa", function)).problem())
        .matches(
            "oneDNN 3\\.\\d+\\.\\d+ finds no AMX, by which products in bfloat16 would be fast");
  }

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          0, oneDNN 3.%s multiplies wrongly
          1, libdnnl.so.3 can't be used: oneDNN: dnnl_primitive_execute failed: out of memory
          77, libdnnl.so.3 can't be used: oneDNN: dnnl_primitive_execute failed: status 77
          """)
  void oneDoesNotMultiply(int status, String problem) {
    MemorySegment function =
        returning(
            status,
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS));
    String minor = FoundOneDnn.require().name().replace("oneDNN 3.", "");
    assertThat(find(with("dnnl_primitive_execute", function)).problem())
        .isEqualTo(problem.formatted(minor));
  }

  private static String printed(Path directory, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> options = List.of("--enable-native-access=ALL-UNNAMED");
    Ended child =
        Command.main(options, Printing.class).in(directory).with(environment).run().succeeds();
    return child.said();
  }

  @Test
  void aFileOfThatNameIsNoLibrary(@TempDir Path directory)
      throws IOException, InterruptedException {
    for (String file : List.of(FILE, "libdnnl.so.3.6")) {
      Files.writeString(directory.resolve(file), "no library");
    }
    assertThat(printed(directory, Map.of("LD_LIBRARY_PATH", directory.toString())))
        .contains("found: libdnnl.so.3 was not found");
  }

  /** What oneDNN may use is the user's choice. */
  @Test
  void theUserForbidsItsInstructions(@TempDir Path directory)
      throws IOException, InterruptedException {
    OneDnn unused = FoundOneDnn.require();
    assertThat(printed(directory, Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")))
        .contains("finds no AMX, by which products in bfloat16 would be fast");
    assertThat(printed(directory, Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX")))
        .contains("found: it");
  }
}
