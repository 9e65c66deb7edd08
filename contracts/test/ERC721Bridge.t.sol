// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { World } from "./support/World.sol";
import { TestCollection } from "./support/Helpers.sol";
import { OptimismMintableERC721 } from "../src/L2/OptimismMintableERC721.sol";
import { IOptimismMintableERC721 } from "../src/interfaces/IOptimismMintableERC721.sol";

/// @notice Collections over the bridge, both ways, and what is refused.
contract ERC721BridgeTest is World {
    address private alice = account("alice on L1");
    address private bob = account("bob on L2");
    TestCollection private nfts;
    OptimismMintableERC721 private image;

    event ERC721BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );

    function setUp() public override {
        super.setUp();
        nfts = new TestCollection();
        nfts.mint(alice, 7);
        image = OptimismMintableERC721(nftFactory.createOptimismMintableERC721(address(nfts), "Image", "IMG"));
    }

    function deposit() private {
        vm.startPrank(alice, alice);
        nfts.approve(address(l1Nfts), 7);
        vm.recordLogs();
        l1Nfts.bridgeERC721To(address(nfts), address(image), bob, 7, 300_000, hex"11");
        vm.stopPrank();
        relayDeposits(vm.getRecordedLogs());
    }

    function test_thereAndBack() public {
        deposit();
        equal(image.ownerOf(7), bob, "minted");
        equal(nfts.ownerOf(7), address(l1Nfts), "locked");
        check(l1Nfts.deposits(address(nfts), address(image), 7), "accounted for");
        vm.recordLogs();
        vm.prank(bob, bob);
        l2Nfts.bridgeERC721To(address(image), address(nfts), alice, 7, 300_000, "");
        equal(image.totalSupply(), 0, "burnt");
        check(complete(withdrawalsIn(vm.getRecordedLogs())[0]), "runs");
        equal(nfts.ownerOf(7), alice, "unlocked");
        check(!l1Nfts.deposits(address(nfts), address(image), 7), "accounted for");
    }

    function test_toOneself() public {
        vm.startPrank(alice, alice);
        nfts.approve(address(l1Nfts), 7);
        l1Nfts.bridgeERC721(address(nfts), address(image), 7, 300_000, "");
        vm.stopPrank();
        expectText("ERC721Bridge: account is not externally owned");
        l1Nfts.bridgeERC721(address(nfts), address(image), 7, 300_000, "");
    }

    function test_refusalsToSend() public {
        vm.startPrank(alice, alice);
        expectText("ERC721Bridge: nft recipient cannot be address(0)");
        l1Nfts.bridgeERC721To(address(nfts), address(image), address(0), 7, 0, "");
        expectText("L1ERC721Bridge: remote token cannot be address(0)");
        l1Nfts.bridgeERC721(address(nfts), address(0), 7, 0, "");
        expectText("ERC721: caller is not token owner or approved");
        l1Nfts.bridgeERC721(address(nfts), address(image), 7, 0, "");
        vm.stopPrank();
        deposit();
        vm.startPrank(alice, alice);
        expectText("L2ERC721Bridge: Withdrawal is not being initiated by NFT owner");
        l2Nfts.bridgeERC721(address(image), address(nfts), 7, 0, "");
        vm.stopPrank();
        vm.startPrank(bob, bob);
        expectText("L2ERC721Bridge: remote token cannot be address(0)");
        l2Nfts.bridgeERC721(address(image), address(0), 7, 0, "");
        expectText("L2ERC721Bridge: remote token does not match given value");
        l2Nfts.bridgeERC721(address(image), address(image), 7, 0, "");
        vm.stopPrank();
    }

    /// @dev The messenger tells that its message comes from the other bridge.
    function asOtherBridge() private {
        vm.store(address(l1Messenger), bytes32(uint256(204)), bytes32(uint256(uint160(address(l2Nfts)))));
        vm.store(address(l2Messenger), bytes32(uint256(204)), bytes32(uint256(uint160(address(l1Nfts)))));
    }

    function onL1(address _local, string memory _error) private {
        expectText(_error);
        vm.prank(address(l1Messenger));
        l1Nfts.finalizeBridgeERC721(_local, address(image), bob, alice, 7, "");
    }

    function onL2(address _local, address _remote, string memory _error) private {
        expectText(_error);
        vm.prank(address(l2Messenger));
        l2Nfts.finalizeBridgeERC721(_local, _remote, alice, bob, 7, "");
    }

    function test_refusalsToHandOut() public {
        expectText("ERC721Bridge: function can only be called from the other bridge");
        l1Nfts.finalizeBridgeERC721(address(nfts), address(image), bob, alice, 7, "");
        asOtherBridge();
        onL1(address(nfts), "L1ERC721Bridge: Token ID is not escrowed in the L1 Bridge");
        onL1(address(l1Nfts), "L1ERC721Bridge: local token cannot be self");
        onL2(address(l2Nfts), address(nfts), "L2ERC721Bridge: local token cannot be self");
        onL2(address(nfts), address(nfts), "L2ERC721Bridge: local token interface is not compliant");
        onL2(address(image), account("other"), "L2ERC721Bridge: wrong remote token for Optimism Mintable ERC721 local token");
        pause(address(portal));
        check(l1Nfts.paused() && !l2Nfts.paused(), "paused");
        onL1(address(nfts), "L1ERC721Bridge: paused");
    }

    function test_theImage() public {
        check(nftFactory.isOptimismMintableERC721(address(image)), "known");
        check(image.supportsInterface(type(IOptimismMintableERC721).interfaceId), "mintable");
        check(image.supportsInterface(0x80ac58cd) && image.supportsInterface(0x780e9d63), "ERC-721");
        equal(image.remoteChainId(), L1_CHAIN_ID, "chain");
        equal(image.REMOTE_TOKEN(), address(nfts), "remote");
        equal(image.bridge(), address(l2Nfts), "bridge");
        deposit();
        string memory uri = image.tokenURI(7);
        // ethereum:0x<40 digits>@900/tokenURI?uint256=7
        equal(bytes(uri).length, 9 + 42 + 1 + 3 + 18 + 1, "URI");
        expectText("OptimismMintableERC721: only bridge can call this function");
        image.safeMint(bob, 8);
        expectText("OptimismMintableERC721: only bridge can call this function");
        image.burn(bob, 7);
        expectText("OptimismMintableERC721Factory: L1 token address cannot be address(0)");
        nftFactory.createOptimismMintableERC721(address(0), "", "");
        equal(nftFactory.BRIDGE(), address(l2Nfts), "older name");
        equal(nftFactory.REMOTE_CHAIN_ID(), L1_CHAIN_ID, "older name");
    }
}
