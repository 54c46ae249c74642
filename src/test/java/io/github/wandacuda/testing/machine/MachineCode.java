package io.github.wandacuda.testing.machine;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A kernel's instructions, of 16 bytes each.
 *
 * @param instructions in the order of their addresses
 */
record MachineCode(List<Instruction> instructions) {
  private static final int BYTES = 16;
  private static final int BRANCH = 0x147;
  private static final int EXIT = 0x14d;
  private static final int RETURN = 0x150;
  private static final int ALWAYS = 7;
  private static final int NONE = -1;

  /**
   * An instruction.
   *
   * @param code the low nine bits of its code, which say what it does
   * @param width of a load or store, as encoded: 0 for a byte, 4, 5 and 6 for 4, 8 and 16 bytes
   * @param goesOn whether the next one may follow
   * @param target the index of the one that may follow instead, or -1
   */
  record Instruction(int code, int width, boolean goesOn, int target) {}

  static MachineCode of(ByteBuffer code) {
    List<Instruction> instructions = new ArrayList<>();
    for (int at = 0; at < code.capacity(); at += BYTES) {
      instructions.add(instruction(at / BYTES, code.getLong(at), code.getLong(at + Long.BYTES)));
    }
    return new MachineCode(List.copyOf(instructions));
  }

  private static Instruction instruction(int index, long lower, long upper) {
    int code = (int) (lower & 0x1ff);
    boolean guarded = (lower >>> 12 & 0xf) != ALWAYS;
    // A branch has a second condition: a predicate, or that a warp's lanes are apart.
    boolean conditional = guarded || code == BRANCH && (upper >>> 23 & 0x1f) != ALWAYS;
    boolean ends = code == BRANCH || code == EXIT || code == RETURN;
    int target = code == BRANCH ? index + 1 + distance(lower, upper) : NONE;
    return new Instruction(code, (int) (upper >>> 9 & 7), !ends || conditional, target);
  }

  /**
   * Returns how many instructions after the next one a branch leads: bits 34 to 81 and 16 to 23.
   */
  private static int distance(long lower, long upper) {
    long high = (lower >>> 34 | upper << 30) << 16 >> 16;
    long words = high << 8 | lower >>> 16 & 0xff;
    return Math.toIntExact(words * Integer.BYTES / BYTES);
  }
}
