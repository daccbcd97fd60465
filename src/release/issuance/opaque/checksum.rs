//! The checksum at the end of a handle: for secret scanners, which can tell a token of ours from anything that looks like one without
//! asking anybody. It protects nothing.

/// CRC-32 as in IEEE 802.3 and zlib: reflected, polynomial 0x04C11DB7, begun with ones and inverted at the end.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Six digits of base 62 (`0`–`9`, `A`–`Z`, `a`–`z`), the highest first: 62⁶ is more than 2³².
pub(super) fn base62(number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [0; 6];
    let mut rest = number as usize;
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_means() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926, "the check value of CRC-32/ISO-HDLC");
        assert_eq!(crc32(b""), 0);
        for (number, digits) in [(0, b"000000"), (61, b"00000z"), (62, b"000010"), (u32::MAX, b"4gfFC3")] {
            assert_eq!(&base62(number), digits, "{number}");
        }
    }
}
