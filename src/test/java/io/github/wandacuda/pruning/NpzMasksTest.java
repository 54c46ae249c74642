package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** MaskLLM's files of masks. */
@Execution(ExecutionMode.CONCURRENT)
class NpzMasksTest {
  private static final LinearModule MODULE = SmallModules.of("h.0.a", 2, 10);
  private static final String ENTRY = "h.0.a.weight.mask.npy";
  private static final byte[] FLAT = {(byte) 0b1010_0000, (byte) 0b0111_1111, (byte) 0b1111_0000};
  private static final byte[] MASK = {0b0000_0101, 0b10, (byte) 0b1111_1111, 0b11};

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("masks.npz");
  }

  private static byte[] npy(String dictionary, byte[] data) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    bytes.write(dictionary.length());
    bytes.write(dictionary.length() >> 8);
    bytes.writeBytes(dictionary.getBytes(StandardCharsets.UTF_8));
    bytes.writeBytes(data);
    return bytes.toByteArray();
  }

  private static byte[] bytes(String descr, String shape, byte[] data) {
    String dictionary =
        "{'descr': %s, 'fortran_order': False, 'shape': %s, }\n".formatted(descr, shape);
    return npy(dictionary, data);
  }

  private static byte[] right() {
    return bytes("'|u1'", "(3,)", FLAT);
  }

  private void zip(String name, byte[] content) throws IOException {
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file()))) {
      out.putNextEntry(new ZipEntry(name));
      out.write(content);
    }
  }

  private byte[] read(LinearModule module) {
    byte[] bits = new byte[(int) module.maskBytes()];
    try (ModuleMasks masks = MaskFile.open(file(), List.of(module), "any")) {
      masks.require(List.of(module));
      masks.read(module, MemorySegment.ofArray(bits));
    }
    return bits;
  }

  private void assertRefused(String message) {
    assertThatThrownBy(() -> read(MODULE))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file() + ": " + message);
  }

  @Test
  @Thorough
  void aLongDirectoryIsReadAndTheEntryThatIsWrongNamedInOneLine() throws IOException {
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file()))) {
      for (int index = 0; index < 100_000; index++) {
        out.putNextEntry(new ZipEntry("h.%d.%s".formatted(index, "a".repeat(50))));
      }
    }
    assertThatThrownBy(() -> read(MODULE))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file() + ": tensor h.0.aaa")
        .message()
        .hasLineCount(1);
  }

  @Test
  void whatNumPyWroteIsRead() {
    TreeMap<String, byte[]> golden =
        TestData.bytes(TestData.GOLDEN.resolve("wanda-2of4.masks.safetensors"));
    Path npz = TestData.GOLDEN.resolve("wanda-2of4.block0.npz");
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        ModuleMasks masks = MaskFile.open(npz, model.modules(), null)) {
      List<LinearModule> block =
          model.modules().stream().filter(one -> one.name().contains("layers.0.")).toList();
      assertThat(block).hasSize(7);
      masks.require(block);
      for (LinearModule module : block) {
        byte[] bits = new byte[(int) module.maskBytes()];
        masks.read(module, MemorySegment.ofArray(bits));
        assertThat(bits).as(module.name()).isEqualTo(golden.get(module.name() + ".mask"));
      }
      assertThatThrownBy(() -> masks.require(model.modules()))
          .isInstanceOf(InputException.class)
          .hasMessage(
              npz
                  + ": tensor model.layers.1.mlp.down_proj.weight.mask: expected a mask of the"
                  + " weight, found none");
    }
  }

  @Test
  void rowsThatEndWithinAByteAreUnpacked() throws IOException {
    zip(ENTRY, right());
    assertThat(read(MODULE)).isEqualTo(MASK);
  }

  /** The bits go by the weight as it is stored: column by column of the layer. */
  @Test
  void aTransposedWeightIsTurned() throws IOException {
    zip(ENTRY, bytes("'|u1'", "(1,)", new byte[] {(byte) 0b1011_1000}));
    assertThat(read(SmallModules.transposed("h.0.a", 2, 3))).isEqualTo(new byte[] {0b111, 0b010});
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "'|O'; (3,); expected bytes ('|u1'), found pickled Python objects ('|O'); reading them",
        "'<f4'; (3,); expected '|u1' (3,) for 2 x 10 weights, found '<f4' (3,)",
        "'|u1'; (4,); expected '|u1' (3,) for 2 x 10 weights, found '|u1' (4,)",
        "'|u1'; (3, 1); expected '|u1' (3,) for 2 x 10 weights, found '|u1' (3,1)",
        "'|u1'; (); expected '|u1' (3,) for 2 x 10 weights, found '|u1' ()",
        "'|u1'; (99999999999999999999,); expected '|u1' (3,) for 2 x 10 weights, found '|u1'",
      },
      quoteCharacter = '"')
  void anotherArrayIsRefused(String descr, String shape, String message) throws IOException {
    zip(ENTRY, bytes(descr, shape, FLAT));
    assertRefused("tensor h.0.a.weight.mask: " + message);
  }

  @Test
  void whatIsNoArrayIsRefused() throws IOException {
    String place = "tensor h.0.a.weight.mask: expected a NumPy array, found ";
    zip(ENTRY, "no array".getBytes(StandardCharsets.UTF_8));
    assertRefused(place + "another start");
    zip(ENTRY, new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 4, 0, 1, 0});
    assertRefused(place + "version 4");
    zip(ENTRY, new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, -1, -1, -1, -1});
    assertRefused(place + "a header of 4294967295 bytes");
    zip(ENTRY, new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 50, 0, '{'});
    assertRefused(place + "its end within the header");
    zip(ENTRY, npy("{}", FLAT));
    assertRefused(place + "a header without descr and shape");
  }

  @Test
  void anArrayThatEndsEarlyIsRefused() throws IOException {
    zip(ENTRY, bytes("'|u1'", "(3,)", new byte[2]));
    assertRefused("tensor h.0.a.weight.mask: expected 3 bytes of data, found 2");
  }

  /** Megabytes of zeros in a few kilobytes, of which no more is read than the module has bits. */
  @Test
  void aBombIsRefused() throws IOException {
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file()))) {
      out.putNextEntry(new ZipEntry(ENTRY));
      out.write(right());
      byte[] zeros = new byte[1 << 20];
      for (int i = 0; i < 64; i++) {
        out.write(zeros);
      }
    }
    assertRefused("tensor h.0.a.weight.mask: expected 3 bytes of data, found more");
  }

  @Test
  void bitsAfterTheLastWeightAreRefused() throws IOException {
    zip(ENTRY, bytes("'|u1'", "(3,)", new byte[] {0, 0, 1}));
    assertRefused("tensor h.0.a.weight.mask: expected zeros after the last weight's bit");
  }

  @Test
  void aMaskOfNoModuleIsRefused() throws IOException {
    zip("h.1.a.weight.mask.npy", right());
    assertRefused(
        "tensor h.1.a.weight.mask.npy: expected <weight>.mask.npy of a linear module, found none"
            + " such; the masks were made for another model");
  }

  @Test
  void aMissingModuleIsNamed() throws IOException {
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file()))) {
      out.finish();
    }
    assertRefused("tensor h.0.a.weight.mask: expected a mask of the weight, found none");
  }

  @Test
  void twoMasksOfAModuleAreRefused() throws IOException {
    String twin = ENTRY.replace("h.0.a", "h.0.b");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file()))) {
      for (String name : List.of(ENTRY, twin)) {
        out.putNextEntry(new ZipEntry(name));
        out.write(right());
      }
    }
    String text = Files.readString(file(), StandardCharsets.ISO_8859_1).replace(twin, ENTRY);
    Files.writeString(file(), text, StandardCharsets.ISO_8859_1);
    assertRefused("tensor h.0.a.weight.mask: expected one entry, found a second one");
  }

  /** Whatever byte is changed or cut off: the same masks, or one clear line. */
  @Test
  @Thorough
  void damageIsFoundOrHarmless() throws IOException {
    zip(ENTRY, right());
    byte[] whole = Files.readAllBytes(file());
    int refused = 0;
    for (int at = 2; at < whole.length; at++) {
      for (int change : new int[] {1, 0x80, 0xff}) {
        byte[] damaged = whole.clone();
        damaged[at] ^= (byte) change;
        refused += isRefused(damaged) ? 1 : 0;
      }
      refused += isRefused(Arrays.copyOf(whole, at)) ? 1 : 0;
    }
    assertThat(refused).isGreaterThan(2 * whole.length);
  }

  private boolean isRefused(byte[] content) throws IOException {
    Files.write(file(), content);
    try {
      assertThat(read(MODULE)).isEqualTo(MASK);
      return false;
    } catch (WandaException e) {
      assertThat(e.getMessage()).startsWith(file().toString()).doesNotContain("\n");
      return true;
    }
  }
}
