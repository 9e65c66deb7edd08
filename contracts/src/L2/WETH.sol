// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title WETH
/// @notice ETH as an ERC-20 token, one to one.
contract WETH {
    string public constant name = "Wrapped Ether";
    string public constant symbol = "WETH";
    uint8 public constant decimals = 18;

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Approval(address indexed src, address indexed guy, uint256 wad);
    event Transfer(address indexed src, address indexed dst, uint256 wad);
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);

    receive() external payable {
        deposit();
    }

    fallback() external payable {
        deposit();
    }

    function version() external pure virtual returns (string memory) {
        return "1.1.0+opal.1";
    }

    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    function withdraw(uint256 _wad) public virtual {
        balanceOf[msg.sender] -= _wad;
        (bool sent,) = msg.sender.call{ value: _wad }("");
        require(sent, "WETH: failed to send ETH");
        emit Withdrawal(msg.sender, _wad);
    }

    function approve(address _guy, uint256 _wad) external returns (bool) {
        allowance[msg.sender][_guy] = _wad;
        emit Approval(msg.sender, _guy, _wad);
        return true;
    }

    function transfer(address _dst, uint256 _wad) external returns (bool) {
        return transferFrom(msg.sender, _dst, _wad);
    }

    /// @notice The largest allowance is never used up.
    function transferFrom(address _src, address _dst, uint256 _wad) public returns (bool) {
        if (_src != msg.sender && allowance[_src][msg.sender] != type(uint256).max) {
            allowance[_src][msg.sender] -= _wad;
        }
        balanceOf[_src] -= _wad;
        balanceOf[_dst] += _wad;
        emit Transfer(_src, _dst, _wad);
        return true;
    }
}
