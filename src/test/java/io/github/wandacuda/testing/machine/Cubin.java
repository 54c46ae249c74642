package io.github.wandacuda.testing.machine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The machine code in what ptxas writes, which is an ELF file with a section for each kernel. */
final class Cubin {
  private static final String CODE = ".text.";
  private static final int SECTIONS_AT = 0x28;
  private static final int SECTION_BYTES_AT = 0x3a;
  private static final int SECTION_COUNT_AT = 0x3c;
  private static final int NAMES_INDEX_AT = 0x3e;
  private static final int OFFSET_AT = 0x18;
  private static final int SIZE_AT = 0x20;

  private final ByteBuffer file;

  private Cubin(byte[] file) {
    this.file = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns each kernel's machine code by its name. */
  static Map<String, MachineCode> kernels(Path file) throws IOException {
    return new Cubin(Files.readAllBytes(file)).kernels();
  }

  private Map<String, MachineCode> kernels() {
    int names = offset(section(Short.toUnsignedInt(file.getShort(NAMES_INDEX_AT))));
    Map<String, MachineCode> kernels = new TreeMap<>();
    for (int i = 0; i < Short.toUnsignedInt(file.getShort(SECTION_COUNT_AT)); i++) {
      int section = section(i);
      String name = text(names + file.getInt(section));
      if (name.startsWith(CODE)) {
        int size = Math.toIntExact(file.getLong(section + SIZE_AT));
        ByteBuffer code = file.slice(offset(section), size).order(ByteOrder.LITTLE_ENDIAN);
        kernels.put(name.substring(CODE.length()), MachineCode.of(code));
      }
    }
    return kernels;
  }

  private int section(int index) {
    int bytes = Short.toUnsignedInt(file.getShort(SECTION_BYTES_AT));
    return Math.toIntExact(file.getLong(SECTIONS_AT)) + index * bytes;
  }

  private int offset(int section) {
    return Math.toIntExact(file.getLong(section + OFFSET_AT));
  }

  private String text(int from) {
    int end = from;
    while (file.get(end) != 0) {
      end++;
    }
    return new String(file.array(), from, end - from, StandardCharsets.US_ASCII);
  }
}
